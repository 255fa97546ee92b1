import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { eventually } from '@taskyard/conformance'
import { Client, Taskyard, type TaskyardApi } from '@taskyard/taskyard'
import { startServer } from '@taskyard/test-servers'
import { newStoreOn, storeSettings } from './support/store-urls.ts'
import { runTaskyard } from './support/taskyard-process.ts'

const WAYS: Readonly<Record<string, (t: TestContext, store: string) => Promise<TaskyardApi>>> = {
  'in the process': async (t, store) => {
    const yard = await Taskyard.open({ store, onError: () => {} })
    t.after(() => yard.close())
    return yard
  },
  'over HTTP': async (t, store) => {
    const server = runTaskyard(['start'], {
      env: { ...storeSettings('redis', store), TASKYARD_ROLES: 'api,scheduler' },
    })
    t.after(() => server.stop('SIGKILL'))
    const [, url = ''] = await server.line(/ready at (http\S+)/)
    const client = new Client({ url })
    t.after(() => client.close())
    return client
  },
}

describe('a Redis whose memory is full', () => {
  for (const [way, open] of Object.entries(WAYS)) {
    it(`takes the results of handlers that log, ${way}, and what was dropped is said`, async (t) => {
      const redis = await startServer('redis')
      t.after(() => redis.destroy())
      const yard = await open(t, newStoreOn('redis', redis.url))
      const gate = Promise.withResolvers<void>()
      const troubles: string[] = []
      let started = 0
      const allStarted = Promise.withResolvers<void>()
      const chat = async (_: unknown, context: { log(line: string): void; progress(value: unknown): void }) => {
        if (++started === 20) allStarted.resolve()
        await gate.promise
        for (let n = 0; n < 50; n++) context.log(`line ${n}`)
        context.progress('almost there')
        return 'done'
      }
      yard.work({ chat }, { concurrency: 20, onError: (error) => troubles.push((error as Error).message) })
      const tasks = await yard.submitMany(Array.from({ length: 20 }, () => ({ type: 'chat', payload: null })))
      await allStarted.promise
      await command(redis.url, 'CONFIG SET maxmemory 1')
      gate.resolve()
      for (const { id } of tasks) {
        const { status, result, attempt, crashes } = await yard.wait(id, { timeoutSeconds: 60 })
        assert.deepEqual([status, result, attempt, crashes], ['succeeded', 'done', 1, 0])
      }
      await eventually('what was dropped is told', 60_000, () =>
        troubles.some((message) => /dropped: .*no space left/.test(message)),
      )
      await command(redis.url, 'CONFIG SET maxmemory 0')
    })
  }
})

/** One command, as a line (https://redis.io/docs/latest/develop/reference/protocol-spec/, inline commands). */
async function command(url: string, line: string): Promise<void> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  const answered = once(socket, 'data')
  socket.write(`${line}\r\n`)
  assert.equal(String((await answered)[0]), '+OK\r\n')
  socket.destroy()
}
