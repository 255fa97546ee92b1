import type { Choice } from './choice.ts'
import type { Knowledge } from './knowledge.ts'
import type { Contract, Manner, Operation } from './operations.ts'
import { createBodies } from './request-bodies.ts'
import { createTargets } from './request-targets.ts'
import type { Values } from './values.ts'

export interface FuzzRequest {
  readonly operation: string
  readonly method: string
  /** With the query; nothing in it that the head of a request cannot hold. */
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer | null
}

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS']
export function createRequests(contract: Contract, values: Values, knowledge: Knowledge, choice: Choice) {
  const { chance, one } = choice
  const { pathOf, queryOf, headersOf } = createTargets(values, choice)
  const { bodyText, bodyBytes, bodyHeaders } = createBodies(values, choice)

  function next(): FuzzRequest {
    const operation = pickOperation()
    const roll = choice.random()
    const manner: Manner = roll < 0.45 ? 'valid' : roll < 0.85 ? 'corrupted' : 'hostile'
    const text = operation.body === null ? null : bodyText(operation, operation.body, manner)
    const body = text === null ? null : bodyBytes(text, manner)
    return {
      operation: operation.id,
      method: manner === 'hostile' && chance(0.15) ? one(METHODS) : operation.method,
      target: pathOf(operation, manner) + queryOf(operation, manner),
      headers: { ...headersOf(operation, manner), ...bodyHeaders(body, manner) },
      body,
    }
  }

  /** What takes nothing is not where faults are. */
  function pickOperation(): Operation {
    const operation = one(contract.operations)
    const takesNothing = operation.parameters.length === 0 && operation.body === null
    return takesNothing && chance(0.8) ? pickOperation() : operation
  }

  return { next, learn: knowledge.learn }
}
