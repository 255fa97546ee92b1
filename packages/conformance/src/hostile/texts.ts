import { type JsonText, LIMITS } from '@taskyard/core'

// Texts that programs trip over: what some store quotes, splits at, matches by or cannot hold.

const between = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => String.fromCodePoint(from + i))

// biome-ignore format: many to a line
const PIECES = [
  ...between(0x01, 0x2f),
  ...between(0x3a, 0x40),
  ...between(0x5b, 0x60),
  ...between(0x7b, 0xa0),
  '\u00ad', '\u0130', '\u0131', '\u017f', '\u212a', '\u00df', '\u0301', 'e\u0301', '\u00e9', '\u200b', '\u200d',
  '\u200e', '\u202e', '\u2028', '\u2029', '\u2066', '\u2069', '\ufeff', '\ufffd', '\ufffe', '\uffff', '\ue000',
  '😀', '👩‍👩‍👧', '\u{10ffff}', '\u{1fffe}', '\u{e0001}', 'שלום', '漢字',
  '\\0', '\\x00', '\\u0000', '\\ud800', '\\x1e', "E'\\x1e'", '%00', '%s', '%', '%25', '_', '&#0;', '&amp;',
  '$1', '$2', '?', ':name', '@p', '--', '/*', '*/', ';', "';--", "''", '""', '``', '\\"', "\\'", '\\\\', '$$',
  '${x}', '{{x}}', '{a,b}', '{}', '[]', '[a-z]', '*', '**', '[^x]', '{tag}', '}{', '\\*', '^', '|', '(', ')',
  '$where', '$set', '$ne', 'a.b', '.', '..', '.$', '$', '__proto__', 'constructor', 'prototype', 'toString',
  'null', 'NULL', 'undefined', 'true', 'NaN', '-0', '0', '1e400', '0x10', '01', ' ', '  ', '\r\n', '\n\n', 'a,b',
  'a:b', 'a|b', 'a;b', 'a/b', '../..', '<script>', '-inf', '+inf', '(x', '[x', '-', '+', 'KEYS', 'SELECT 1',
]

/** Pieces of plain text: well-formed, without U+0000. */
export const FRAGMENTS: readonly string[] = [...new Set(PIECES)]

/** Plain texts of at most 128 characters: each piece alone, and at the beginning, in the middle and at the end. */
export const PLAIN_TEXTS: readonly string[] = [
  ...new Set([
    ...FRAGMENTS.flatMap((piece) => [piece, `${piece}x`, `x${piece}y`, `x${piece}`, `${piece}${piece}`]),
    'x'.repeat(LIMITS.tagLength),
    'é'.repeat(LIMITS.tagLength),
    '€'.repeat(LIMITS.tagLength),
    '😀'.repeat(LIMITS.tagLength),
  ]),
]

/** Names that the pattern allows and that mean something to somebody. */
// biome-ignore format: many to a line
export const ODD_NAMES: readonly string[] = [
  '0', '00', '1', '1.0', '1e5', '0x1', 'null', 'NULL', 'undefined', 'true', 'NaN', 'constructor', 'toString',
  'valueOf', 'hasOwnProperty', 'a.b', 'a..b', 'a.', 'a:b', 'a::b', 'a:', 'a--b', 'a-', 'A', 'a', 'Default', 'DEFAULT',
  'a_b', 'axb', 'system.x', 'id', 'SELECT', 'end', 'x'.repeat(LIMITS.nameLength), `${'x'.repeat(127)}y`,
]

const spelled = (text: string) =>
  [...Array(text.length).keys()].map((i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')

/** What only JSON can say, and ways to write it that a program may be tempted to mend. */
// biome-ignore format: many to a line
const ODD_JSON = [
  '"\\u0000"', '{"\\u0000":"\\u0000"}', '"a\\u0000b\\u0000"', '"\\ud800"', '"\\udc00\\ud800"', '{"\\ud83d":1}',
  '"\\ud83d\\ude00"', '"\\uD83D"', '"\\/"', '"\\b\\f\\n\\r\\t"', '"\\\\u0000"', '"\\\\\\u0000"', '{"a":1,"a":2}',
  '1e400', '-0', '-0.0', '1E+2', '1.0', '12345678901234567890', '0.1000', '1e-400', 'null', 'true', '""', '[]',
  '{}', ' { "a" : 1 } ', '[ ]', '[\n]', '[\r\n\t 1 ]', '{"__proto__":{"x":1}}', '{"$set":{"a.b":1},"":0}',
]

/** JSON in which every piece is a text, the name of a member and spelled in escapes. */
export const JSON_TEXTS = [
  ...ODD_JSON,
  ...FRAGMENTS.map((piece) => {
    const text = JSON.stringify(piece)
    return `[${text},{${text}:${text}},"x${text.slice(1, -1)}y","${spelled(piece)}"]`
  }),
] as JsonText[]

/** What is no id of a task, although some of it looks like this one's. */
export function notIds(id: string): readonly string[] {
  const bare = id.replaceAll('-', '')
  // biome-ignore format: many to a line
  return [
    id.toUpperCase(), `${id.slice(0, 8).toUpperCase()}${id.slice(8)}`, `{${id}}`, bare, `urn:uuid:${id}`,
    ` ${id}`, `${id} `, `${id}\n`, `${id}\0`, `${id.slice(0, -1)}\0`, `${id}x`, id.slice(1), `${id},${id}`, `"${id}"`, `'${id}'`,
    '', ' ', '\0', '\ud800', 'x', '*', '%', '0', 'null', '{}', '[]', '__proto__', '$ne', '{"$ne":1}', '..', ':', '}{',
    `${id.slice(0, 14)}g${id.slice(15)}`, id.replaceAll('-', '\u2010'), id.replace('0', '\uff10'), "';--", '\u001e',
    `${bare.slice(0, 4)}-${bare.slice(4, 8)}-${bare.slice(8)}`, 'x'.repeat(36), 'x'.repeat(1_048_576), '😀'.repeat(9),
  ]
}

/** What is no token, although some of it is 1 once it is cut to 32 bits. */
// biome-ignore format: many to a line
export const NOT_TOKENS = [
  0, -1, 0.5, 1.5, Number.NaN, Number.POSITIVE_INFINITY,
  2 ** 31, 2 ** 32 + 1, 2 ** 53, 1e300, -(2 ** 31),
]
