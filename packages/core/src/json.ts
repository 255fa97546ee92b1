declare const jsonText: unique symbol

/**
 * A string that holds one valid JSON value. Payloads, results and progress travel through Taskyard in this form, so
 * that they come back exactly as sent (long numbers included) and are parsed only by the code that looks inside.
 */
export type JsonText = string & { readonly [jsonText]: true }

/** Any value JSON can express. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue }

/**
 * The JSON text of a value; `undefined` becomes `null`.
 * @throws TypeError when the value has no JSON form (a cycle, a BigInt, a function)
 */
export function toJsonText(value: unknown): JsonText {
  const text = JSON.stringify(value === undefined ? null : value)
  if (text === undefined) throw new TypeError(`a ${typeof value} has no JSON form`)
  return text as JsonText
}

/** The value of a JSON text. */
export function fromJsonText(text: JsonText): unknown {
  return JSON.parse(text)
}

/** Whether the value of a JSON text nests in more than `levels` arrays and objects. */
export function nestsDeeperThan(text: JsonText, levels: number): boolean {
  if (text.length <= 2 * levels) return false
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = closingQuote(text, at)
        break
      case OPEN_BRACE:
      case OPEN_BRACKET:
        if (++depth > levels) return true
        break
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        depth--
    }
  }
  return false
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d

/** By `indexOf`, as most of a text is inside its strings. */
function closingQuote(text: string, open: number): number {
  let at = open
  do at = text.indexOf('"', at + 1)
  while (at !== -1 && isEscaped(text, at))
  return at === -1 ? text.length : at
}

function isEscaped(text: string, at: number): boolean {
  let first = at
  while (text.charCodeAt(first - 1) === BACKSLASH) first--
  return (at - first) % 2 === 1
}
