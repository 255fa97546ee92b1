import {
  isName,
  LIMITS,
  nameRule,
  TaskyardError,
  type TypeDeclaration,
  type Violation,
  violationsOfDeclaration,
} from '@taskyard/core'
import { refusal } from './check-submission.ts'
import type { UseCases } from './engine.ts'
import type { EngineContext } from './engine-context.ts'
import type { InNamespace } from './in-namespace.ts'
import { assertBatch } from './submit.ts'

/** What is declared for types, and the types that have something declared. */
export function createTypes(context: EngineContext): InNamespace<Pick<UseCases, 'types' | 'declareTypes'>> {
  const { store, typesAtHand } = context
  return (namespace) => ({
    types: () => store.taskTypes.listTypes({ namespace }),
    async declareTypes(types) {
      context.assertRunning()
      assertDeclarable(types)
      const limit = LIMITS.typesWithDefaults
      const declaring = store.taskTypes.declareTypes({ namespace, types, limit })
      const outcome = await typesAtHand.whileDeclaring(namespace, declaring)
      if (outcome === 'too-many') throw new TaskyardError('too_many_types', { namespace, limit })
    },
  })
}

/** @throws TaskyardError batch_too_large, invalid_request */
function assertDeclarable(types: readonly TypeDeclaration[]): void {
  assertBatch(types.length)
  const wrong = [...types.flatMap(violationsOf), ...repetitionsAmong(types)]
  if (wrong.length > 0) throw refusal('invalid_request', wrong, '')
}

/** Of two declarations of a type one would be lost in silence. */
function repetitionsAmong(types: readonly TypeDeclaration[]): readonly Violation[] {
  const seen = new Set<string>()
  return types.flatMap(({ type }, index) => {
    const isRepeated = seen.has(type)
    seen.add(type)
    return isRepeated ? [{ path: `/types/${index}/type`, message: `"${type}" is declared twice` }] : []
  })
}

function violationsOf({ type, defaults }: TypeDeclaration, index: number): readonly Violation[] {
  const at = `/types/${index}`
  if (!isName(type)) return [{ path: `${at}/type`, message: nameRule('type') }]
  const wrong = defaults === null ? [] : violationsOfDeclaration(defaults)
  return wrong.map(({ path, message }) => ({ path: `${at}${path}`, message: `of type "${type}": ${message}` }))
}
