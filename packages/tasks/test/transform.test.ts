import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LIMITS } from '@taskyard/core'
import fc from 'fast-check'
import { OPERATIONS } from '../src/transform/operations.ts'
import { MAX_TEXT_LENGTH } from '../src/transform/schema.ts'
import { failureFrom, openTypes } from './support/attempt.ts'

describe('transform', () => {
  const examples = [
    ['uppercase', 'straße', 'STRASSE'],
    ['lowercase', 'ÄRGER', 'ärger'],
    ['trim', ' \n a b\t', 'a b'],
    ['reverse', 'ab€😀', '😀€ba'],
    ['length', 'a😀', 2],
    ['sha256', 'abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    ['base64-encode', 'Aä', 'QcOk'],
    ['base64-decode', 'QcOk', 'Aä'],
  ] as const
  for (const [operation, text, result] of examples) {
    it(`${operation} of ${JSON.stringify(text)} is ${JSON.stringify(result)}`, async (t) => {
      assert.deepEqual(await openTypes(t).run('transform', { operation, text }), { operation, result })
    })
  }

  it('has an example of every operation here', () => {
    assert.deepEqual(
      examples.map(([operation]) => operation),
      [...OPERATIONS],
    )
  })

  it('decodes what it encoded, for every text', async (t) => {
    const { run } = openTypes(t)
    const inverse = fc.asyncProperty(fc.string({ unit: 'grapheme' }), async (text) => {
      const encoded = await run('transform', { operation: 'base64-encode', text })
      const decoded = await run('transform', { operation: 'base64-decode', text: encoded.result })
      assert.equal(decoded.result, text)
    })
    await fc.assert(inverse)
  })

  it('never grows the longest text over the limit of a result', async (t) => {
    const { run } = openTypes(t)
    for (const character of ['ΐ', '\u0000', '😀', '€']) {
      const text = character.repeat(MAX_TEXT_LENGTH / character.length)
      for (const operation of OPERATIONS.filter((one) => one !== 'base64-decode')) {
        const result = JSON.stringify(await run('transform', { operation, text }))
        assert.ok(Buffer.byteLength(result) <= LIMITS.resultBytes, `${operation} of ${character}`)
      }
    }
  })

  for (const text of ['?', 'QQ', 'QUI', '/w==']) {
    it(`fails for good on ${text}, which is no Base64 of UTF-8`, async (t) => {
      const failure = await failureFrom(openTypes(t).run('transform', { operation: 'base64-decode', text }))
      assert.equal(failure.code, 'not_base64_text')
      assert.equal(failure.retryable, false)
    })
  }
})

describe('uppercase', () => {
  for (const payload of ['hello', { text: 'hello' }, { data: 'hello' }]) {
    it(`turns ${JSON.stringify(payload)} into upper case`, async (t) => {
      assert.deepEqual(await openTypes(t).run('uppercase', payload), { result: 'HELLO' })
    })
  }
})
