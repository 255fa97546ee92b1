import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { truncateUtf8 } from '../src/truncate.ts'

test('a text is kept when it fits; else it is cut between characters, marked, and fits', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 100 }), fc.integer({ min: 20, max: 150 }), (text, limit) => {
      const cut = truncateUtf8(text, limit)
      if (Buffer.byteLength(text) <= limit) return assert.equal(cut, text)
      assert.ok(Buffer.byteLength(cut) <= limit)
      assert.ok(cut.endsWith('… [truncated]'))
      assert.ok(text.startsWith(cut.slice(0, -'… [truncated]'.length)))
    }),
  )
})
