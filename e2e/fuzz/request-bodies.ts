import { gzipSync } from 'node:zlib'
import type { Choice } from './choice.ts'
import { isObject, QUEUES, TAGS, TYPES } from './knowledge.ts'
import type { Manner, Operation, Schema } from './operations.ts'
import { RawJson } from './raw-json.ts'
import type { Values } from './values.ts'

/** Operations on whatever matches: they name something of the fuzzer's own, so that the sentinels are none of it. */
const BY_FILTER = new Set(['cancelTasks', 'retryTasks', 'deleteTasks'])

/** Makes bodies for an operation, and the headers that go with them. */
export function createBodies(values: Values, { chance, one, between }: Choice) {
  function bodyText(operation: Operation, schema: Schema, manner: Manner): string {
    const valid = values.valid(schema, '')
    const value = manner === 'valid' ? valid : manner === 'corrupted' ? values.corrupted(valid) : values.hostile()
    return toJson(BY_FILTER.has(operation.id) ? ownFilter(value) : value)
  }

  function ownFilter(value: unknown): unknown {
    if (!isObject(value)) return value
    const isOwn = [[value['queue'], QUEUES] as const, [value['type'], TYPES] as const, [value['tag'], TAGS] as const]
    return isOwn.some(([name, own]) => (own as readonly unknown[]).includes(name))
      ? value
      : { ...value, queue: one(QUEUES) }
  }

  function bodyBytes(text: string, manner: Manner): Buffer {
    if (manner !== 'hostile' || chance(0.5)) return Buffer.from(text)
    const bytes = Buffer.from(text)
    switch (between(0, 6)) {
      case 0:
        return bytes.subarray(0, between(0, bytes.length))
      case 1:
        return Buffer.concat([bytes, Buffer.from(one([' x', '{}', '\0', ',']))])
      case 2:
        return Buffer.from(`\ufeff${text}`)
      case 3:
        return Buffer.from(text, 'utf16le')
      case 4:
        return gzipSync(bytes)
      case 5:
        return Buffer.concat([bytes.subarray(0, between(0, bytes.length)), Buffer.from([0xff, 0xc0, 0x80, 0xed, 0xa0])])
      default:
        return Buffer.from(
          one(['', 'null', '[]', '"x"', '0', '{', '{"a":1,"a":2}', '{"type":"fuzz","type":5,"payload":1}']),
        )
    }
  }

  function bodyHeaders(body: Buffer | null, manner: Manner): Record<string, string> {
    if (body === null) return {}
    const type = manner === 'hostile' && chance(0.2) ? one(MEDIA_TYPES) : 'application/json'
    return manner === 'hostile' && chance(0.05)
      ? { 'content-type': type, 'content-encoding': 'gzip' }
      : { 'content-type': type }
  }

  return { bodyText, bodyBytes, bodyHeaders }
}

const MEDIA_TYPES = [
  'text/plain',
  'application/json; charset=latin1',
  'application/json;',
  'json',
  'application/x-www-form-urlencoded',
  '*/*',
]

/** JSON, with raw parts as they are. Lone surrogates are written as escapes. */
function toJson(value: unknown): string {
  if (value instanceof RawJson) return value.text
  if (Array.isArray(value)) return `[${value.map(toJson).join(',')}]`
  if (!isObject(value)) return JSON.stringify(value) ?? 'null'
  return `{${Object.entries(value)
    .map(([name, member]) => `${JSON.stringify(name)}:${toJson(member)}`)
    .join(',')}}`
}
