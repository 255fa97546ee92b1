import { gzipSync } from 'node:zlib'
import { notIds } from '@taskyard/conformance'
import type { Choice } from './choice.ts'
import { isObject, type Knowledge, QUEUES, TAGS, TYPES } from './knowledge.ts'
import type { Contract, Operation, Schema } from './operations.ts'
import { Raw, type Values } from './values.ts'

export interface FuzzRequest {
  readonly operation: string
  readonly method: string
  /** With the query; nothing in it that the head of a request cannot hold. */
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer | null
}

/** What a request shall be: as the contract has it, that with some places spoilt, or anything. */
type Manner = 'fitting' | 'spoilt' | 'hostile'

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS']
/** Operations on whatever matches: they name something of the fuzzer's own, so that the sentinels are none of it. */
const BY_FILTER = new Set(['cancelTasks', 'retryTasks'])

export function createRequests(contract: Contract, values: Values, knowledge: Knowledge, choice: Choice) {
  const { chance, one, between } = choice

  function next(): FuzzRequest {
    const operation = anOperation()
    const roll = choice.random()
    const manner: Manner = roll < 0.45 ? 'fitting' : roll < 0.85 ? 'spoilt' : 'hostile'
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
  function anOperation(): Operation {
    const operation = one(contract.operations)
    const takesNothing = operation.parameters.length === 0 && operation.body === null
    return takesNothing && chance(0.8) ? anOperation() : operation
  }

  function pathOf({ path, parameters }: Operation, manner: Manner): string {
    const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
      const schema = parameters.find((each) => each.in === 'path' && each.name === name)?.schema ?? {}
      return inPath(String(values.fitting(schema, name)), manner)
    })
    return manner === 'hostile' && chance(0.1) ? filled + one(['/', '//', '/..', '%2f', ';x', '/%00', '.json']) : filled
  }

  function inPath(text: string, manner: Manner): string {
    if (manner === 'fitting' || chance(0.4)) return encoded(text)
    if (chance(0.3)) return one(RAW_SEGMENTS)
    return encoded(chance(0.5) ? one(notIds(text)).slice(0, 2000) : values.hostileText().slice(0, 2000))
  }

  function queryOf({ parameters }: Operation, manner: Manner): string {
    const pairs = parameters
      .filter((each) => each.in === 'query' && chance(0.4))
      .map(({ name, schema }) => {
        const isSpoilt = manner !== 'fitting' && chance(0.5)
        const value = isSpoilt ? values.hostileText().slice(0, 3000) : String(values.fitting(schema, name))
        return `${name}=${isSpoilt && chance(0.2) ? one(RAW_SEGMENTS) : encoded(value)}`
      })
    if (manner === 'hostile' && chance(0.3)) pairs.push(`${encoded(values.hostileText().slice(0, 50))}=1`)
    if (manner !== 'fitting' && pairs.length > 0 && chance(0.1)) pairs.push(pairs[0] as string)
    return pairs.length === 0 ? '' : `?${pairs.join('&')}`
  }

  function headersOf({ parameters }: Operation, manner: Manner): Record<string, string> {
    const headers: Record<string, string> = {}
    for (const { name, schema } of parameters.filter((each) => each.in === 'header' && chance(0.5))) {
      headers[name] = manner === 'fitting' ? String(values.fitting(schema, name)) : inHeader(values.hostileText())
    }
    if (chance(0.05)) headers['accept'] = one(['text/event-stream', '*/*', 'text/html', 'application/xml'])
    if (manner === 'hostile' && chance(0.2)) headers[one(HEADERS)] = inHeader(values.hostileText())
    return headers
  }

  function bodyText(operation: Operation, schema: Schema, manner: Manner): string {
    const fitting = values.fitting(schema, '')
    const value = manner === 'fitting' ? fitting : manner === 'spoilt' ? values.spoilt(fitting) : values.hostile()
    return written(BY_FILTER.has(operation.id) ? ownFilter(value) : value)
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

  return { next, learn: knowledge.learn }
}

const RAW_SEGMENTS = [
  '%00',
  '%zz',
  '%',
  '%ED%A0%80',
  '%ff',
  '%C0%AF',
  '%2e%2e',
  '..',
  '%F0%9F%98%80',
  '%e2%80%ae',
  '%0d%0a',
  '+',
  '*',
  ':',
  '%25',
  '',
]
const HEADERS = [
  'origin',
  'sec-fetch-site',
  'if-none-match',
  'range',
  'expect-ct',
  'x-forwarded-for',
  'accept-encoding',
  'last-event-id',
]
const MEDIA_TYPES = [
  'text/plain',
  'application/json; charset=latin1',
  'application/json;',
  'json',
  'application/x-www-form-urlencoded',
  '*/*',
]

/** JSON, with raw parts as they are. Lone surrogates are written as escapes. */
function written(value: unknown): string {
  if (value instanceof Raw) return value.text
  if (Array.isArray(value)) return `[${value.map(written).join(',')}]`
  if (!isObject(value)) return JSON.stringify(value) ?? 'null'
  return `{${Object.entries(value)
    .map(([name, member]) => `${JSON.stringify(name)}:${written(member)}`)
    .join(',')}}`
}

function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}

/** What the head of a request can hold of a text: Latin-1 without control characters. */
function inHeader(text: string): string {
  return text.replace(/[^\t\x20-\x7e\x80-\xff]/g, '').slice(0, 1000)
}
