import { DEFAULTS, isName, nameRule } from '@taskyard/core'
import type { Engine, UseCases } from '@taskyard/engine'
import type { FastifyRequest } from 'fastify'
import { invalidRequest } from './problem.ts'

/** Names the namespace of a request. */
export const NAMESPACE_HEADER = 'Taskyard-Namespace'
/** As Node has the names of headers. */
const IN_LOWER_CASE = NAMESPACE_HEADER.toLowerCase()

/** What a request may do: all of it in its namespace, which is `default` when it names none. */
export type InNamespaceOf = (request: FastifyRequest) => UseCases

/** @throws TaskyardError `invalid_request` when a request names a namespace that can be none */
export function inNamespacesOf(engine: Engine): InNamespaceOf {
  return (request) => {
    const namespace = namedBy(request) ?? DEFAULTS.namespace
    if (!isName(namespace)) throw invalidRequest('', `${NAMESPACE_HEADER}: ${nameRule('namespace')}`)
    return engine.in(namespace)
  }
}

/** Whether a request speaks for one namespace, whatever it is called. */
export function namesNamespace(request: FastifyRequest): boolean {
  return namedBy(request) !== undefined
}

function namedBy({ headers }: FastifyRequest): string | readonly string[] | undefined {
  return headers[IN_LOWER_CASE]
}
