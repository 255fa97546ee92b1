import { JSON_TEXTS, PLAIN_TEXTS } from '@taskyard/conformance'
import type { Choice } from './choice.ts'
import { type Knowledge, QUEUES, TAGS, TYPES, WORKERS } from './knowledge.ts'
import type { Contract, Schema } from './operations.ts'
import { RawJson } from './raw-json.ts'

type ValidValue = (schema: Schema, name: string) => unknown

/** Makes values that the schema and the rules of the API allow. */
export function createValidValues(contract: Contract, knowledge: Knowledge, choice: Choice): ValidValue {
  const { between, chance, one } = choice
  const byName = valuesByName(knowledge, choice)

  function valid(schema: Schema, name: string): unknown {
    const known = byName[name]
    if (known !== undefined) return known(schema)
    const { type, ...resolved } = contract.resolve(schema)
    if (resolved.enum !== undefined) return one(resolved.enum)
    if (type === undefined && resolved.anyOf !== undefined) return valid(one(resolved.anyOf), name)
    switch (typeof type === 'string' ? type : one(type ?? ['null'])) {
      case 'object':
        return validObject(resolved)
      case 'array':
        return Array.from({ length: between(Math.max(1, resolved.minItems ?? 0), 4) }, () =>
          valid(resolved.items ?? {}, name),
        )
      case 'integer':
        return between(resolved.minimum ?? 0, Math.min(resolved.maximum ?? 1000, 1000))
      case 'number':
        return one([resolved.minimum ?? 0, resolved.maximum ?? 1000, between(resolved.minimum ?? 0, 10) + 0.5])
      case 'boolean':
        return chance(0.5)
      case 'string':
        return resolved.format === 'date-time' ? validTime() : one(PLAIN_TEXTS)
      default:
        return null
    }
  }

  function validObject({ properties = {}, required = [] }: Schema): Record<string, unknown> {
    const entries = Object.entries(properties)
      .filter(([name]) => required.includes(name) || name === 'type' || chance(0.35))
      .map(([name, schema]) => [name, valid(schema, name)])
    const made = Object.fromEntries(entries)
    // A lease is a pair, and two names for one thing are one too many.
    if ('token' in made && chance(0.9)) Object.assign(made, knowledge.lease(choice))
    if ('type' in made) delete made['task_type']
    if ('data' in made) delete made['payload']
    if ('runAt' in made) delete made['delaySeconds']
    return made
  }

  function validTime(): string {
    return new Date(Date.now() + between(-100_000, 100_000)).toISOString()
  }

  return valid
}

/** Almost all requests are about the one namespace that has tasks. */
export const NAMESPACE_HEADER = 'Taskyard-Namespace'

/** Longest wait that is asked for on purpose: a fuzzer has no time. */
const WAIT_SECONDS = 0.02

/** Values of the fields that mean something to the server, by name. */
function valuesByName(knowledge: Knowledge, choice: Choice): Readonly<Record<string, (schema: Schema) => unknown>> {
  const { between, chance, one } = choice

  function spelledId(id: string): string {
    return chance(0.2) ? id.toUpperCase() : id
  }

  function someOf(names: readonly string[]): string[] {
    return Array.from({ length: between(1, 3) }, () => one(names))
  }

  function anyJson(): unknown {
    return chance(0.5) ? new RawJson(one(JSON_TEXTS)) : { n: between(0, 9) }
  }

  return {
    [NAMESPACE_HEADER]: () => (chance(0.9) ? 'default' : 'elsewhere'),
    queue: () => one(QUEUES),
    type: () => one(TYPES),
    task_type: () => one(TYPES),
    tag: () => one(TAGS),
    tags: () => Array.from({ length: between(0, 4) }, () => one(TAGS)),
    queues: ({ type }) => (type === 'array' ? someOf(QUEUES) : someOf(QUEUES).join(',')),
    types: ({ type }) => (type === 'array' ? someOf(TYPES) : someOf(TYPES).join(',')),
    workerId: () => one(WORKERS),
    id: () => spelledId(knowledge.id(choice)),
    taskId: () => spelledId(knowledge.lease(choice).taskId),
    cursor: () => knowledge.cursor(choice),
    waitSeconds: () => (chance(0.5) ? 0 : WAIT_SECONDS),
    leaseSeconds: () => between(1, 20),
    delaySeconds: () => one([0, 0.001, 1, 1000, 31_622_400]),
    retryDelaySeconds: () => one([0, 0.001, 5, 1000]),
    'Idempotency-Key': () => `key-${between(0, 50)}`,
    idempotencyKey: () => `key-${between(0, 50)}`,
    'Last-Event-ID': () => String(between(0, 10)),
    payload: () => anyJson(),
    data: () => anyJson(),
    result: () => anyJson(),
    progress: () => anyJson(),
    log: () => one(PLAIN_TEXTS),
    code: () => one(PLAIN_TEXTS),
    message: () => one(PLAIN_TEXTS),
    stack: () => one(PLAIN_TEXTS),
  }
}
