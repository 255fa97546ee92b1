import { notIds } from '@taskyard/conformance'
import type { Choice } from './choice.ts'
import type { Manner, Operation } from './operations.ts'
import { NAMESPACE_HEADER } from './valid-values.ts'
import type { Values } from './values.ts'

/** Makes paths, queries and headers for an operation. */
export function createTargets(values: Values, { chance, one }: Choice) {
  function pathOf({ path, parameters }: Operation, manner: Manner): string {
    const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
      const schema = parameters.find((each) => each.in === 'path' && each.name === name)?.schema ?? {}
      return inPath(String(values.valid(schema, name)), manner)
    })
    return manner === 'hostile' && chance(0.1) ? filled + one(['/', '//', '/..', '%2f', ';x', '/%00', '.json']) : filled
  }

  function inPath(text: string, manner: Manner): string {
    if (manner === 'valid' || chance(0.4)) return encoded(text)
    if (chance(0.3)) return one(RAW_SEGMENTS)
    return encoded(chance(0.5) ? one(notIds(text)).slice(0, 2000) : values.hostileText().slice(0, 2000))
  }

  function queryOf({ parameters }: Operation, manner: Manner): string {
    const pairs = parameters
      .filter((each) => each.in === 'query' && chance(0.4))
      .map(({ name, schema }) => {
        const isCorrupted = manner !== 'valid' && chance(0.5)
        const value = isCorrupted ? values.hostileText().slice(0, 3000) : String(values.valid(schema, name))
        return `${name}=${isCorrupted && chance(0.2) ? one(RAW_SEGMENTS) : encoded(value)}`
      })
    if (manner === 'hostile' && chance(0.3)) pairs.push(`${encoded(values.hostileText().slice(0, 50))}=1`)
    if (manner !== 'valid' && pairs.length > 0 && chance(0.1)) pairs.push(pairs[0] as string)
    return pairs.length === 0 ? '' : `?${pairs.join('&')}`
  }

  function headersOf({ parameters }: Operation, manner: Manner): Record<string, string> {
    const headers: Record<string, string> = {}
    for (const { name, schema } of parameters.filter((each) => each.in === 'header' && chance(0.5))) {
      // Elsewhere there is nothing to be found faulty.
      const isValid = manner === 'valid' || (name === NAMESPACE_HEADER && chance(0.9))
      headers[name] = isValid ? String(values.valid(schema, name)) : inHeader(values.hostileText())
    }
    if (chance(0.05)) headers['accept'] = one(['text/event-stream', '*/*', 'text/html', 'application/xml'])
    if (manner === 'hostile' && chance(0.2)) headers[one(HEADERS)] = inHeader(values.hostileText())
    return headers
  }

  return { pathOf, queryOf, headersOf }
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

function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}

/** What the head of a request can hold of a text: Latin-1 without control characters. */
function inHeader(text: string): string {
  return text.replace(/[^\t\x20-\x7e\x80-\xff]/g, '').slice(0, 1000)
}
