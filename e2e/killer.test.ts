import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Client, Taskyard, type TaskyardApi } from '@taskyard/taskyard'
import { startServerProcess, temporaryFolder } from './support/taskyard-process.ts'

const WORKER = fileURLToPath(new URL('./support/killer-worker.ts', import.meta.url))
const TYPES = ['killer', ...Array.from({ length: 4 }, () => 'innocent')]

describe('a task that ends its worker’s process each time', () => {
  it('is quarantined alone, and its neighbours are done, over HTTP', async (t) => {
    const folder = await temporaryFolder()
    t.after(() => folder.remove())
    const env = { TASKYARD_ROLES: 'api,scheduler', TASKYARD_SESSION_GRACE_SECONDS: '1' }
    const server = await startServerProcess({ store: join(folder.path, 'tasks.db'), env })
    t.after(() => server.stop())
    const client = new Client({ url: server.url })
    t.after(() => client.close())
    const ids = await submitAll(client)
    const over = superviseWorkers(t, ['http', server.url])
    await untilJudged(client, ids)
    over()
    await judge(client, ids)
  })

  it('is quarantined alone, and its neighbours are done, in the process that it ends', async (t) => {
    const folder = await temporaryFolder()
    t.after(() => folder.remove())
    const store = `sqlite:${join(folder.path, 'tasks.db')}`
    const first = await Taskyard.open({ store })
    const ids = await submitAll(first)
    await first.close()
    // The file belongs to one process: after each death it is looked at before the next worker.
    for (let deaths = 0; ; deaths++) {
      const worker = fork(WORKER, ['embedded', store])
      t.after(() => worker.kill('SIGKILL'))
      await once(worker, 'exit')
      const yard = await Taskyard.open({ store })
      const isOver = await hasEnded(yard, ids)
      if (isOver) await judge(yard, ids)
      await yard.close()
      if (isOver) return
      assert.ok(deaths < 15, 'it goes on')
    }
  })
})

async function submitAll(yard: TaskyardApi): Promise<readonly string[]> {
  return (await yard.submitMany(TYPES.map((type) => ({ type, payload: null })))).map(({ id }) => id)
}

function superviseWorkers(t: TestContext, commandLine: readonly string[]): () => void {
  let isOver = false
  let stop = () => {}
  const start = () => {
    if (isOver) return
    const worker = fork(WORKER, commandLine)
    stop = () => worker.kill('SIGKILL')
    worker.once('exit', start)
  }
  const end = () => {
    isOver = true
    stop()
  }
  start()
  t.after(end)
  return end
}

async function untilJudged(yard: TaskyardApi, ids: readonly string[]): Promise<void> {
  for (const id of ids) await yard.wait(id)
}

async function hasEnded(yard: TaskyardApi, ids: readonly string[]): Promise<boolean> {
  const tasks = await Promise.all(ids.map((id) => yard.get(id)))
  return tasks.every(({ finishedAt }) => finishedAt !== null)
}

async function judge(yard: TaskyardApi, ids: readonly string[]): Promise<void> {
  const [killer, ...innocents] = await Promise.all(ids.map((id) => yard.get(id)))
  assert.deepEqual([killer?.status, killer?.error?.code], ['failed', 'poisoned'])
  assert.deepEqual(new Set(innocents.map(({ status, result }) => `${status} ${result}`)), new Set(['succeeded fine']))
}
