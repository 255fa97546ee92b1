import { DEFAULTS, isName, nameRule } from '@taskyard/core'
import type { Engine, UseCases } from '@taskyard/engine'
import type { FastifyRequest } from 'fastify'
import { invalidRequest } from './problem.ts'

/** Names the namespace of a request. */
export const NAMESPACE_HEADER = 'Taskyard-Namespace'

/** What a request may do: all of it in its namespace, which is `default` when it names none. */
export type InNamespaceOf = (request: FastifyRequest) => UseCases

/** @throws TaskyardError `invalid_request` when a request names a namespace that can be none */
export function inNamespacesOf(engine: Engine): InNamespaceOf {
  return ({ headers }) => {
    const namespace = headers['taskyard-namespace'] ?? DEFAULTS.namespace
    if (!isName(namespace)) throw invalidRequest('', `${NAMESPACE_HEADER}: ${nameRule('namespace')}`)
    return engine.in(namespace)
  }
}
