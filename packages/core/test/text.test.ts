import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { faultOfTag, fitsBytes, isIdempotencyKey, isName, isPlainText, LIMITS, sanitizedText } from '../src/index.ts'

/** Any sequence of UTF-16 units, halves of characters and U+0000 among them. */
const anyText = fc
  .string({ unit: 'binary' })
  .chain((text) =>
    fc.constantFrom('', '\0', '\ud800', '\udfff', '\ud83d\ude00', 'é', '€').map((more) => more + text + more),
  )

test('mended text is plain, within its bytes, and what was plain and short enough is itself', () => {
  fc.assert(
    fc.property(anyText, fc.integer({ min: 0, max: 40 }), (text, maxBytes) => {
      const sanitized = sanitizedText(text, maxBytes)
      assert.ok(isPlainText(sanitized))
      assert.ok(Buffer.byteLength(sanitized) <= maxBytes)
      if (isPlainText(text) && Buffer.byteLength(text) <= maxBytes) assert.equal(sanitized, text)
    }),
  )
})

test('a text is cut as late as a whole character allows', () => {
  assert.equal(sanitizedText('aé', 2), 'a')
  assert.equal(sanitizedText('aé', 3), 'aé')
  assert.equal(sanitizedText('€€', 5), '€')
  assert.equal(sanitizedText('😀😀', 7), '😀')
  assert.equal(sanitizedText(`${'a'.repeat(15)}😀`, 16), 'a'.repeat(15))
})

test('U+0000 and halves of characters become U+FFFD', () => {
  assert.equal(sanitizedText('a\0b\ud800c\udc00', 100), 'a\ufffdb\ufffdc\ufffd')
})

test('bytes are those of UTF-8', () => {
  fc.assert(
    fc.property(anyText, fc.integer({ min: 0, max: 60 }), (text, maxBytes) => {
      assert.equal(fitsBytes(text, maxBytes), Buffer.byteLength(text) <= maxBytes)
    }),
  )
})

test('a tag that is refused is told the rule that it breaks', () => {
  assert.match(faultOfTag('') ?? '', /at least 1/)
  assert.match(faultOfTag('x'.repeat(LIMITS.tagLength + 1)) ?? '', /at most 128/)
  assert.match(faultOfTag('😀'.repeat(LIMITS.tagLength + 1)) ?? '', /at most 128/)
  assert.match(faultOfTag('a\0b') ?? '', /U\+0000/)
  assert.match(faultOfTag('\ud800') ?? '', /half a character/)
  assert.match(faultOfTag(1) ?? '', /is a text/)
  for (const tag of ['x', 'x'.repeat(128), '😀'.repeat(128), ' ', '\n', 'ä/"\\%', '__proto__', '\u202e']) {
    assert.equal(faultOfTag(tag), null, tag)
  }
})

test('names are the names of the contract', () => {
  for (const name of ['a', '0', 'resize-image', 'a.b_c:d-e', '__proto__'.slice(2), 'x'.repeat(128)]) {
    assert.ok(isName(name), name)
  }
  for (const name of ['', ' ', '.a', 'a b', 'a\n', 'a\0', 'ä', '\ud800', '__proto__', 'x'.repeat(129), 1, null]) {
    assert.ok(!isName(name), String(name))
  }
})

test('idempotency keys are printable ASCII', () => {
  for (const key of ['a', '"\\%{}$', '~'.repeat(255)]) assert.ok(isIdempotencyKey(key), key)
  for (const key of ['', ' ', 'a b', 'a\n', 'ä', '\0', '~'.repeat(256), 1])
    assert.ok(!isIdempotencyKey(key), String(key))
})
