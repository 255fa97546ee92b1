import { EVERY_QUEUE, LIMITS, NAME_PATTERN } from './limits.ts'

// The one place that says what a text may hold. Plain text is well-formed Unicode without U+0000: every store can keep
// it, and it comes back as it was. What names something is refused where it comes in; what a handler says is mended
// there. JSON text is another matter: it is kept as it was written, whatever its strings spell.

const NAME = new RegExp(NAME_PATTERN)

/** Printable ASCII: an idempotency key travels in a header. */
const IDEMPOTENCY_KEY = new RegExp(`^[\\x21-\\x7e]{1,${LIMITS.idempotencyKeyLength}}$`)

const REPLACEMENT = '\ufffd'

/** Whether it can be a queue, a type, a namespace or the id of a worker. */
export function isName(text: unknown): text is string {
  return typeof text === 'string' && NAME.test(text)
}

/** Whether it can stand among the queues of a claim. */
export function isQueueOfClaim(text: unknown): text is string {
  return text === EVERY_QUEUE || isName(text)
}

/** What {@link isName} asks for, said of a `what` such as `queue`. */
export function nameRule(what: string): string {
  return `a ${what} has 1 to ${LIMITS.nameLength} letters, digits and . _ : -, starting with a letter or digit`
}

/** Whether a value can be an idempotency key. */
export function isIdempotencyKey(text: unknown): text is string {
  return typeof text === 'string' && IDEMPOTENCY_KEY.test(text)
}

/** What {@link isIdempotencyKey} asks for. */
export const IDEMPOTENCY_KEY_RULE = `1 to ${LIMITS.idempotencyKeyLength} printable ASCII characters, no spaces`

/** Which rule for tags a value breaks, in words; `null` when it can be one. */
export function faultOfTag(tag: unknown): string | null {
  if (typeof tag !== 'string') return 'a tag is a text'
  if (tag === '') return 'a tag has at least 1 character'
  if (hasMoreCharacters(tag, LIMITS.tagLength)) return `a tag has at most ${LIMITS.tagLength} characters`
  return faultOfPlainText(tag)
}

/** Whether a text is well-formed Unicode without U+0000. */
export function isPlainText(text: string): boolean {
  return faultOfPlainText(text) === null
}

function faultOfPlainText(text: string): string | null {
  if (text.includes('\0')) return 'the character U+0000 cannot be kept in it'
  if (!text.isWellFormed()) return 'it holds half a character (a surrogate without the other one)'
  return null
}

/** The plain text next to a text: U+FFFD in the place of U+0000 and of halves of characters, cut to so many bytes. */
export function sanitizedText(text: string, maxBytes: number): string {
  return cutToBytes(text.toWellFormed().replaceAll('\0', REPLACEMENT), maxBytes)
}

/** Whether a text takes at most so many bytes of UTF-8. Costs next to nothing for what is far below. */
export function fitsBytes(text: string, maxBytes: number): boolean {
  return text.length * 3 <= maxBytes || (text.length <= maxBytes && Buffer.byteLength(text) <= maxBytes)
}

/** The beginning of a text that takes at most so many bytes of UTF-8; no character is cut in two. */
export function cutToBytes(text: string, maxBytes: number): string {
  if (fitsBytes(text, maxBytes)) return text
  const bytes = Buffer.from(text.slice(0, maxBytes))
  let end = maxBytes
  // Bytes that go on with a character begin with the bits 10.
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return bytes.toString('utf8', 0, end)
}

/** Characters are code points, as in JSON Schema. */
function hasMoreCharacters(text: string, most: number): boolean {
  if (text.length <= most) return false
  return text.length > most * 2 || [...text].length > most
}
