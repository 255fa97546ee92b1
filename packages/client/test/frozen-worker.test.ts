import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Client } from '@taskyard/client'
import { databaseFile, startRealServer } from './real-server.ts'
import type { WorkerMessage } from './worker-process.ts'

test('a worker that stood still stops what it lost, comes back by itself and hears of cancels again', async (t) => {
  const server = await startRealServer(await databaseFile(t))
  const client = new Client({ url: server.url })
  const child = fork(fileURLToPath(new URL('./worker-process.ts', import.meta.url)), [server.url])
  const messages = collect(child)
  t.after(async () => {
    child.kill('SIGKILL')
    await client.close()
    await server.stop()
  })

  const lost = await client.submit('hold', null)
  await messages.until({ kind: 'started', id: lost.id })
  child.kill('SIGSTOP')
  const other = client.work({ hold: () => 'done by another' })
  const taken = await client.wait(lost)
  assert.deepEqual([taken.status, taken.result, taken.crashes], ['succeeded', 'done by another', 0])
  await other.stop()
  assert.deepEqual(messages.seen, [{ kind: 'started', id: lost.id }])

  child.kill('SIGCONT')
  await messages.until({ kind: 'aborted', id: lost.id, code: 'lease_lost' })
  const next = await client.submit('hold', null)
  await messages.until({ kind: 'started', id: next.id })
  await client.cancel(next.id)
  await messages.until({ kind: 'aborted', id: next.id, code: 'cancelled' })
  assert.equal((await client.wait(next)).status, 'cancelled')
  const worker = (await client.workers()).find(({ workerId }) => workerId === 'frozen-at-times')
  assert.deepEqual([worker?.connected, worker?.leases], [true, 0])
})

/** What a worker process tells. `until` may ask for what was told before. */
function collect(child: ChildProcess) {
  const seen: WorkerMessage[] = []
  let changed = () => {}
  child.on('message', (message: WorkerMessage) => {
    seen.push(message)
    changed()
  })
  return {
    seen,
    async until(wanted: WorkerMessage): Promise<void> {
      while (!seen.some((message) => JSON.stringify(message) === JSON.stringify(wanted))) {
        await new Promise<void>((resolve) => {
          changed = resolve
        })
      }
    },
  }
}
