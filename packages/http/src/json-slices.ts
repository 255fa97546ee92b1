import { type JsonText, LIMITS, TaskyardError } from '@taskyard/core'

/**
 * Which values of a body are wanted as they were written: the root's members called `key`, or, with `list`, the members
 * called `key` of every object in the root's array `list`.
 */
export interface SliceTarget {
  readonly list: string | null
  readonly key: string
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d

/** The text of the root's member `key`, or `undefined` where it has none. @throws TaskyardError `too_deep` */
export function sliceMember(json: string, target: SliceTarget): JsonText | undefined {
  return slices(json, target)[0]
}

/**
 * The wanted texts, in one pass over a body that `JSON.parse` has accepted. Without `list` at most one; with `list` one
 * per element of the array, `undefined` where the element has no such member. As in `JSON.parse`, the last of
 * several members of one name counts.
 * @throws TaskyardError `too_deep` when the body nests deeper than `LIMITS.jsonDepth`
 */
export function slices(json: string, { list, key }: SliceTarget): (JsonText | undefined)[] {
  const targetDepth = list === null ? 1 : 3
  let found: (JsonText | undefined)[] = []
  let depth = 0
  let insideList = list === null
  let listPending = false
  let start = -1
  let slot = 0

  for (let at = 0; at < json.length; at++) {
    switch (json.charCodeAt(at)) {
      case QUOTE: {
        const end = closingQuote(json, at)
        if (start === -1 && (depth === 1 || (depth === 3 && insideList))) {
          const colon = skipWhitespace(json, end + 1)
          if (json.charCodeAt(colon) === COLON) {
            if (depth === targetDepth && isName(json, at, end, key)) {
              start = skipWhitespace(json, colon + 1)
            } else if (depth === 1 && list !== null) {
              listPending = isName(json, at, end, list)
              if (listPending) found = []
            }
            at = colon
            break
          }
        }
        at = end
        break
      }
      case OPEN_BRACE:
      case OPEN_BRACKET:
        depth++
        if (depth > LIMITS.jsonDepth) throw new TaskyardError('too_deep', { limit: LIMITS.jsonDepth })
        if (list !== null) {
          if (depth === 2) insideList = listPending && json.charCodeAt(at) === OPEN_BRACKET
          else if (depth === 3 && insideList) slot = found.push(undefined) - 1
        }
        break
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        if (start !== -1 && depth === targetDepth) {
          found[slot] = trimmedSlice(json, start, at)
          start = -1
        }
        depth--
        if (list !== null && depth === 1) insideList = false
        break
      case COMMA:
        if (start !== -1 && depth === targetDepth) {
          found[slot] = trimmedSlice(json, start, at)
          start = -1
        }
        break
    }
  }
  return found
}

/** The index of the quote that ends the string which begins at `open`. */
function closingQuote(json: string, open: number): number {
  let end = json.indexOf('"', open + 1)
  while (json.charCodeAt(end - 1) === BACKSLASH && isEscaped(json, end)) end = json.indexOf('"', end + 1)
  return end
}

function isEscaped(json: string, at: number): boolean {
  let first = at
  while (json.charCodeAt(first - 1) === BACKSLASH) first--
  return (at - first) % 2 === 1
}

/** Whether the string between two quotes spells `name`, escapes included. */
function isName(json: string, open: number, close: number, name: string): boolean {
  const length = close - open - 1
  if (length === name.length) return json.startsWith(name, open + 1)
  if (length < name.length) return false
  // Only what lies between the quotes is looked at: a search that went on behind them would cost the whole body for each name.
  const text = json.slice(open, close + 1)
  return text.includes('\\') && JSON.parse(text) === name
}

function skipWhitespace(json: string, from: number): number {
  let at = from
  while (isWhitespace(json.charCodeAt(at))) at++
  return at
}

function trimmedSlice(json: string, start: number, end: number): JsonText {
  let last = end
  while (isWhitespace(json.charCodeAt(last - 1))) last--
  return json.slice(start, last) as JsonText
}

function isWhitespace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09
}
