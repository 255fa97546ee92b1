import { FRAGMENTS, JSON_TEXTS, PLAIN_TEXTS } from '@taskyard/conformance'
import type { Choice } from './choice.ts'
import { isObject, type Knowledge, QUEUES, TAGS, TYPES, WORKERS } from './knowledge.ts'
import type { Contract, Schema } from './operations.ts'

/** A value that goes into a body as it is written, such as a number that JavaScript does not have. */
export class Raw {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

export interface Values {
  /** One that the schema and the rules of the API allow. */
  fitting(schema: Schema, name: string): unknown
  /** One that has nothing to do with any schema. */
  hostile(): unknown
  hostileText(): string
  /** A fitting value with a few places changed. */
  spoilt(value: unknown): unknown
}

/** Longest wait that is asked for on purpose: a fuzzer has no time. */
const WAIT_SECONDS = 0.02

export function createValues(contract: Contract, knowledge: Knowledge, choice: Choice): Values {
  const { between, chance, one } = choice

  /** Values of the fields that mean something to the server, by name. */
  const KNOWN: Readonly<Record<string, (schema: Schema) => unknown>> = {
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

  function fitting(schema: Schema, name: string): unknown {
    const known = KNOWN[name]
    if (known !== undefined) return known(schema)
    const { type, ...resolved } = contract.resolve(schema)
    if (resolved.enum !== undefined) return one(resolved.enum)
    switch (typeof type === 'string' ? type : one(type ?? ['null'])) {
      case 'object':
        return fittingObject(resolved)
      case 'array':
        return Array.from({ length: between(Math.max(1, resolved.minItems ?? 0), 4) }, () =>
          fitting(resolved.items ?? {}, name),
        )
      case 'integer':
        return between(resolved.minimum ?? 0, Math.min(resolved.maximum ?? 1000, 1000))
      case 'number':
        return one([resolved.minimum ?? 0, resolved.maximum ?? 1000, between(resolved.minimum ?? 0, 10) + 0.5])
      case 'boolean':
        return chance(0.5)
      case 'string':
        return resolved.format === 'date-time' ? fittingTime() : one(PLAIN_TEXTS)
      default:
        return null
    }
  }

  function fittingObject({ properties = {}, required = [] }: Schema): Record<string, unknown> {
    const entries = Object.entries(properties)
      .filter(([name]) => required.includes(name) || name === 'type' || chance(0.35))
      .map(([name, schema]) => [name, fitting(schema, name)])
    const made = Object.fromEntries(entries)
    // A lease is a pair, and two names for one thing are one too many.
    if ('token' in made && chance(0.9)) Object.assign(made, knowledge.lease(choice))
    if ('type' in made) delete made['task_type']
    if ('data' in made) delete made['payload']
    if ('runAt' in made) delete made['delaySeconds']
    return made
  }

  function fittingTime(): string {
    return new Date(Date.now() + between(-100_000, 100_000)).toISOString()
  }

  function spelledId(id: string): string {
    return chance(0.2) ? id.toUpperCase() : id
  }

  function someOf(names: readonly string[]): string[] {
    return Array.from({ length: between(1, 3) }, () => one(names))
  }

  function anyJson(): unknown {
    return chance(0.5) ? new Raw(one(JSON_TEXTS)) : { n: between(0, 9) }
  }

  function hostileText(): string {
    switch (between(0, 9)) {
      case 0:
        return ''
      case 1:
        return 'x'.repeat(one([127, 128, 129, 255, 256, 257, 5000, 70_000]))
      case 2:
        return `a${one(['\0', '\ud800', '\udfff', '\udc00\ud800'])}b`
      case 3:
        return one(['😀', 'é', '€']).repeat(one([64, 128, 129, 4097, 5462]))
      case 4:
        return one(HOSTILE_TIMES)
      default:
        return one(FRAGMENTS)
    }
  }

  function hostile(): unknown {
    switch (between(0, 7)) {
      case 0:
        return one([null, true, false, [], {}, [[]], [null], { a: {} }, ''])
      case 1:
        return new Raw(one(HOSTILE_NUMBERS))
      case 2:
        return one([0, -1, 1.5, 2 ** 31, 2 ** 53, -(2 ** 53), 1e21, 1e-7, Number.MAX_VALUE])
      case 3:
        return new Raw(one(JSON_TEXTS))
      case 4:
        return new Raw('['.repeat(one([3, 60, 64, 65, 5000])) + ']'.repeat(one([3, 60, 64, 65, 5000])))
      case 5:
        return Object.fromEntries([[one(HOSTILE_NAMES), hostileText()]])
      default:
        return hostileText()
    }
  }

  function spoilt(value: unknown): unknown {
    let changed = value
    for (let changes = between(1, 3); changes > 0; changes--) changed = changedOnce(changed)
    return changed
  }

  /** One place of the value, found by chance on the way down. */
  function changedOnce(value: unknown): unknown {
    if (Array.isArray(value) && value.length > 0 && chance(0.8)) {
      const at = between(0, value.length - 1)
      if (chance(0.1)) return [...value, ...value]
      if (chance(0.05)) return Array.from({ length: 1001 }, () => value[at])
      return value.with(at, changedOnce(value[at]))
    }
    if (isObject(value) && Object.keys(value).length > 0 && chance(0.9)) {
      const name = one(Object.keys(value))
      const { [name]: member, ...others } = value
      if (chance(0.15)) return others
      if (chance(0.15)) return { ...value, [one(HOSTILE_NAMES)]: hostile() }
      return { ...value, [name]: changedOnce(member) }
    }
    return hostile()
  }

  return { fitting, hostile, hostileText, spoilt }
}

const HOSTILE_TIMES = [
  ...[
    '1969-12-31T23:59:59Z',
    '0000-01-01T00:00:00Z',
    '9999-12-31T23:59:60Z',
    '9999-12-31T23:59:59.999Z',
    '2030-02-30T00:00:00Z',
  ],
  ...['+275760-09-13T00:00:00Z', '2030-01-01T00:00:00+23:59', '2030-01-01t00:00:00z', '2030-01-01', '10', '-1'],
]
const HOSTILE_NUMBERS = [
  '1e400',
  '-1e400',
  '-0',
  '12345678901234567890',
  '1E-400',
  '0.00000000000000001',
  '2147483648',
  '1e300',
]
const HOSTILE_NAMES = [
  '__proto__',
  'constructor',
  'toString',
  '',
  'a/b~c',
  '$set',
  '\0',
  'length',
  'x'.repeat(300),
  '😀',
  'id',
]
