import assert from 'node:assert/strict'
import { type JsonText, LIMITS } from '@taskyard/core'
import type { Suite } from '../suite.ts'
import { failed, only, succeeded } from '../test-bed.ts'

const TEXTS: Readonly<Record<string, string>> = {
  null: 'null',
  'an empty string': '""',
  'the number 0': '0',
  'an escaped NUL': String.raw`{"text":"a\u0000b"}`,
  'a key __proto__': '{"__proto__":{"polluted":true},"constructor":1}',
  'numbers longer than a double': '[12345678901234567890,0.1234567890123456789012345,1e400,-0]',
  'escaped lone surrogates': String.raw`["\ud800","\udfff\ud800"]`,
  'emoji and combining characters': '{"😀":"é e\u0301 \u2028 \ufeff"}',
  'keys twice, spaces and order': '{ "b" : 1,\n"a" :2, "b":3 }',
  'deep nesting': `${'['.repeat(LIMITS.jsonDepth)}${']'.repeat(LIMITS.jsonDepth)}`,
  'one mebibyte': `"${'x'.repeat(LIMITS.bodyBytes - 2)}"`,
  'SQL and templates': `"'; DROP TABLE tasks; -- \${x} {{y}} %s $1 ?"`,
}

/** JSON that comes back as it was sent, to the character. */
export function describePayloads({ describe, it }: Suite): void {
  describe('payloads', () => {
    for (const [name, text] of Object.entries(TEXTS)) {
      it(`come back exactly as sent: ${name}`, async (bed) => {
        const payload = text as JsonText
        const id = await bed.submit({ payload })
        assert.ok((await bed.find(id)).payload === payload, 'the payload read')
        assert.ok(only(await bed.listAll()).payload === payload, 'the payload listed')
        const task = await bed.claimOne()
        assert.ok(task.payload === payload, 'the payload claimed')
        await bed.settle(task, succeeded(payload))
        await bed.reopen()
        const found = await bed.find(id)
        assert.ok(found.payload === payload, 'the payload kept')
        assert.ok(found.result === payload, 'the result')
      })
    }

    it('come back exactly when a thousand are claimed together', async (bed) => {
      const tasks = Array.from({ length: 1000 }, (_, n) => bed.newTask({ payload: `{"n":${n}}` as JsonText }))
      await bed.enqueue([tasks])
      const claimed = await bed.claim({ limit: 1000 })
      assert.deepEqual(
        claimed.map(({ id, payload }) => [id, payload]),
        tasks.map(({ id, payload }) => [id, payload]),
      )
    })

    it('keep the text of errors', async (bed) => {
      const error = { code: 'c', message: 'naïve\u0000 "quoted"\n', stack: `Error: x\n${'    at f\n'.repeat(500)}` }
      const task = await bed.start()
      await bed.settle(task, failed({ retryable: false, error }))
      assert.deepEqual((await bed.find(task.id)).error, error)
    })
  })
}
