import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Client } from '@taskyard/client'
import { useServer } from './support/cli.ts'

describe('every queue', () => {
  const { runJson, serverUrl } = useServer()

  it('is where the built-in types run from, also one that is new', async () => {
    for (const queue of ['default', 'mail']) {
      const { status } = await runJson(['submit', 'uppercase', '{"text":"hello"}', '--queue', queue, '--wait'])
      assert.equal(status, 'succeeded')
    }
  })

  it('can be taken from by a worker of one’s own, which waited before there was the queue', async (t) => {
    const client = new Client({ url: serverUrl() })
    t.after(() => client.close())
    client.work({ greet: ({ payload }) => `Hello ${payload}` }, { queues: '*' })
    const id = await client.submit('greet', 'Ada', { queue: 'new' })
    assert.equal((await client.wait(id, { timeoutSeconds: 30 })).result, 'Hello Ada')
  })
})
