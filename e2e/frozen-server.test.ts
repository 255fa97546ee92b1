import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { Client } from '@taskyard/client'
import { type ServerKind, sharedServer } from '@taskyard/test-servers'
import { startProxy, type Tap } from './chaos/proxy.ts'
import { newStoreOn, storeSettings } from './support/store-urls.ts'
import { untilEvent } from './support/task-events.ts'
import { startServerProcess } from './support/taskyard-process.ts'

// Two servers behind a balancer: a worker keeps its session with the first, which freezes with its connections open, and
// all its calls reach the second.

const ENV = { TASKYARD_ROLES: 'api,scheduler' }

for (const [kind, comesBack] of [
  ['postgres', true],
  ['redis', false],
] as const) {
  describe(`a worker whose session is with a server that freezes, on ${kind}`, () => {
    const way = comesBack
      ? 'opens it at another one'
      : 'is heard of through another one, though its session stays broken'
    it(`${way}, and its task is not started twice`, async (t) => {
      const store = newStoreOn(kind, (await sharedServer(kind)).url)
      const [first, second] = [await start(kind, store), await start(kind, store)]
      t.after(() => Promise.all([first.stop('SIGKILL'), second.stop()]))
      let isFrozen = false
      const balancer = await startBalancer(t, (path) => {
        if (!path.includes('/session')) return second.port
        return isFrozen && comesBack ? second.port : first.port
      })
      const client = new Client({ url: balancer.url })
      const direct = new Client({ url: second.url })
      t.after(() => Promise.all([client.close(), direct.close()]))

      const [started, finish] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      let starts = 0
      const long = () => {
        starts += 1
        started.resolve()
        return finish.promise
      }
      const worker = client.work({ long }, { onError: () => {} })
      t.after(() => worker.stop({ deadlineSeconds: 0 }))
      const { id } = await client.submit('long', null)
      await started.promise
      const doomed = await claimAndFallSilent(t, first.url, direct, second.url)
      isFrozen = true
      first.child.kill('SIGSTOP')

      // Its session was with the frozen server too: when it is found dead, the other one has been judged as well.
      await untilEvent(direct, doomed, 'lease-expired')
      const { status, attempt, crashes } = await direct.get(id)
      assert.deepEqual([status, attempt, crashes, starts], ['running', 1, 0, 1])
      finish.resolve()
      assert.equal((await direct.wait(id, { timeoutSeconds: 60 })).attempt, 1)
      if (comesBack) assert.equal(balancer.sessionsAt(second.port), 1)
    })
  })
}

async function start(kind: ServerKind, store: string) {
  const server = await startServerProcess({ env: { ...storeSettings(kind, store), ...ENV } })
  return { ...server, port: Number(new URL(server.url).port) }
}

async function startBalancer(t: TestContext, portOf: (path: string) => number) {
  const sessions: string[] = []
  const tap: Tap = {
    now: () => performance.now(),
    cut: () => 'whole',
    onCut() {},
    onSent: (call) => void (call.path.includes('/session') && sessions.push(call.server)),
    onAnswer() {},
    onBroken() {},
  }
  const route = (path: string) => [{ name: `${portOf(path)}`, port: portOf(path) }]
  const proxy = await startProxy(route, tap)
  t.after(() => proxy.close())
  return { url: proxy.url, sessionsAt: (port: number) => sessions.filter((name) => name === `${port}`).length }
}

/** A worker with its session at one server claims a task at the other, and is not heard of again. */
async function claimAndFallSilent(t: TestContext, sessionUrl: string, second: Client, url: string): Promise<string> {
  const { id } = await second.submit('doomed', null)
  const session = await fetch(`${sessionUrl}/api/v1/workers/silent/session`, { signal: t.signal })
  await session.body?.getReader().read()
  const claim = {
    workerId: 'silent',
    queues: ['default'],
    types: ['doomed'],
    limit: 1,
    leaseSeconds: 3600,
    session: true,
  }
  const headers = { 'content-type': 'application/json' }
  await fetch(`${url}/api/v1/leases`, { method: 'POST', headers, body: JSON.stringify(claim), signal: t.signal })
  assert.equal((await second.get(id)).status, 'running')
  return id
}
