import { TaskyardError } from './errors.ts'
import { isName, nameRule } from './text.ts'

/**
 * The namespace that options name; `undefined`: they name none. A field that is there and holds none is refused: it is a customer that got lost on
 * the way, and must not become the default one.
 * @throws TaskyardError invalid_configuration
 */
export function namespaceOption(options: { readonly namespace?: string | undefined }): string | undefined {
  return Object.hasOwn(options, 'namespace') ? checkedNamespace(options.namespace) : undefined
}

/** @throws TaskyardError invalid_configuration for what can be no namespace */
export function checkedNamespace(namespace: unknown): string {
  if (isName(namespace)) return namespace
  throw new TaskyardError('invalid_configuration', {
    reason: `namespace: ${String(namespace)}; ${nameRule('namespace')}`,
  })
}
