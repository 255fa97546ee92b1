import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Client } from '@taskyard/taskyard'
import { untilEvent } from './support/task-events.ts'
import { startServerProcess, temporaryFolder } from './support/taskyard-process.ts'

const WORKER = fileURLToPath(new URL('./support/blocking-worker.ts', import.meta.url))

it('a handler that blocks its thread while the server restarts keeps its task', async (t) => {
  const folder = await temporaryFolder()
  t.after(() => folder.remove())
  const store = join(folder.path, 'tasks.db')
  const env = { TASKYARD_ROLES: 'api,scheduler' }
  const first = await startServerProcess({ store, env })
  t.after(() => first.stop('SIGKILL'))
  const client = new Client({ url: first.url })
  t.after(() => client.close())
  const finish = join(folder.path, 'finish')
  for (let n = 0; n < 2; n++) {
    const worker = fork(WORKER, [first.url, finish])
    t.after(() => worker.kill('SIGKILL'))
  }
  const { id } = await client.submit('block', null)
  await untilEvent(client, id, 'started')
  const doomed = await claimAndFallSilent(t, first.url, client)

  await first.stop()
  const second = await startServerProcess({ store, env: { ...env, TASKYARD_PORT: new URL(first.url).port } })
  t.after(() => second.stop())

  // Both sessions broke at the same time: when the silent worker is found dead, the other has been judged as well.
  await untilEvent(client, doomed, 'lease-expired')
  const { status, attempt, crashes } = await client.get(id)
  assert.deepEqual([status, attempt, crashes], ['running', 1, 0])
  await writeFile(finish, '')
  assert.equal((await client.wait(id, { timeoutSeconds: 60 })).result, 'done')
  assert.equal(await readFile(`${finish}.starts`, 'utf8'), 'start\n')
})

/** A worker with a session claims a task, and is not heard of again. */
async function claimAndFallSilent(t: TestContext, url: string, client: Client): Promise<string> {
  const { id } = await client.submit('doomed', null)
  const session = await fetch(`${url}/api/v1/workers/silent/session`, { signal: t.signal })
  await session.body?.getReader().read()
  const claim = { workerId: 'silent', queues: ['default'], types: ['doomed'], limit: 1, leaseSeconds: 3600 }
  const headers = { 'content-type': 'application/json' }
  await fetch(`${url}/api/v1/leases`, { method: 'POST', headers, body: JSON.stringify(claim), signal: t.signal })
  assert.equal((await client.get(id)).status, 'running')
  return id
}
