import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Client } from '@taskyard/client'
import { databaseFile, startRealServer } from './real-server.ts'
import type { WorkerMessage } from './worker-process.ts'

const WORKER = fileURLToPath(new URL('./worker-process.ts', import.meta.url))

test('a worker that is killed and started again under its id gets its task again at once, long before its lease ends', async (t) => {
  const server = await startRealServer(await databaseFile(t))
  const client = new Client({ url: server.url })
  const first = fork(WORKER, [server.url, '3600'])
  const heard = collect(first)
  const { id } = await client.submit('hold', null)
  await heard.until({ kind: 'started', id })
  const died = once(first, 'exit')
  first.kill('SIGKILL')
  await died
  const second = fork(WORKER, [server.url, '3600'])
  t.after(async () => {
    second.kill('SIGKILL')
    await client.close()
    await server.stop()
  })
  await collect(second).until({ kind: 'started', id })
  const { attempt, crashes } = await client.get(id)
  assert.deepEqual([attempt, crashes], [2, 1])
})

test('a worker that stood still stops what it lost, comes back by itself and hears of cancels again', async (t) => {
  const server = await startRealServer(await databaseFile(t))
  const client = new Client({ url: server.url })
  const child = fork(WORKER, [server.url, '3'])
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
  const worker = (await client.workers()).find(({ workerId }) => workerId === 'always-the-same')
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
