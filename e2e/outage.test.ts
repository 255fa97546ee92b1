import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '@taskyard/client'
import { eventually } from '@taskyard/conformance'
import { TaskyardError } from '@taskyard/core'
import { type ServerKind, sharedServer, startServer } from '@taskyard/test-servers'
import { newStoreOn, storeSettings } from './support/store-urls.ts'
import { untilEvent } from './support/task-events.ts'
import { runTaskyard } from './support/taskyard-process.ts'

// What an outage of the database costs: nothing but its time. OUTAGE_SECONDS=60 lets it last longer than any lease;
// OUTAGE=frozen freezes the database instead of killing it: connections stay open and nobody answers.

const KINDS: readonly ServerKind[] = ['postgres', 'redis', 'mongodb']
const OUTAGE_SECONDS = Number(process.env['OUTAGE_SECONDS'] ?? 4)
const IS_FROZEN = process.env['OUTAGE'] === 'frozen'

for (const kind of KINDS) {
  describe(`an outage of ${kind}`, () => {
    it(`of ${OUTAGE_SECONDS} s loses nothing, starts nothing twice, and workers run within 5 s of its end`, async (t) => {
      const { database, server, client } = await startOnDatabase(t, kind)
      const gate = Promise.withResolvers<string>()
      let remoteStarts = 0
      client.work(
        {
          long: () => {
            remoteStarts++
            return gate.promise
          },
          short: () => 'ok',
        },
        { onError: () => {} },
      )
      const [embedded, remote] = [
        await client.submit('test', { delayMs: Math.min(60, OUTAGE_SECONDS + 3) * 1000 }),
        await client.submit('long', null),
      ]
      const load = submitAllTheTime(server.url)
      await running(client, [embedded.id, remote.id])
      await load.accepted(20)

      if (IS_FROZEN) database.pause()
      else await database.kill()
      await sleep(OUTAGE_SECONDS * 500)
      gate.resolve('finished while the database was away')
      await sleep(OUTAGE_SECONDS * 500)
      if (IS_FROZEN) database.resume()
      else await database.start()

      const backAt = performance.now()
      const firsts = await Promise.all(['uppercase', 'short'].map((type) => firstToSucceed(client, type)))
      const elapsed = performance.now() - backAt
      const ids = await load.stop()
      const ended = await Promise.all([...ids, ...firsts].map((id) => client.wait(id, { timeoutSeconds: 60 })))
      assert.deepEqual(new Set(ended.map(({ status }) => status)), new Set(['succeeded']))
      assert.ok(elapsed < 5000, `it took ${elapsed} ms`)
      for (const task of [await client.wait(embedded), await client.wait(remote)]) {
        assert.deepEqual([task.status, task.attempt, task.crashes], ['succeeded', 1, 0])
      }
      assert.equal((await client.wait(remote)).result, 'finished while the database was away')
      assert.equal(remoteStarts, 1)
      t.diagnostic(`tasks succeeded ${Math.round(elapsed)} ms after the return; ${ids.length} tasks accepted around it`)
    })

    it('is answered clearly, logged in two lines, and waited for at the start', async (t) => {
      const { database, server, client } = await startOnDatabase(t, kind)
      await database.stop()
      const askedAt = performance.now()
      await assert.rejects(client.submit('short', null), { code: 'store_unavailable', retryable: true })
      assert.ok(performance.now() - askedAt < 11_000)
      assert.equal((await fetch(`${server.url}/ready`)).status, 503)
      assert.equal((await fetch(`${server.url}/health`)).status, 200)

      const late = runTaskyard(['start'], { env: storeSettings(kind, newStoreOn(kind, database.url)) })
      const { findings } = JSON.parse((await runTaskyard(['doctor', '--json'], { env: server.env }).ended).stdout)
      assert.equal(findings.find(({ check }: { check: string }) => check === 'store').verdict, 'problem')
      await sleep(2000)
      await database.start()
      await late.line(/ready at/)
      assert.match((await late.stop()).stderr, /waiting for the store/)

      await firstToSucceed(client, 'uppercase')
      const { stderr } = await server.stop()
      const lines = stderr
        .split('\n')
        .filter((line) => /"level":"(warn|error)"/.test(line) || line.includes('the store is back'))
      assert.equal(lines.length, 2, stderr)
    })
  })
}

describe('a server whose database goes away between the schema and the first sign of life', () => {
  it('waits for it', async (t) => {
    const { url } = await sharedServer('postgres')
    const line = await cuttingLine(url, 'INSERT INTO .*nodes')
    t.after(() => line.close())
    const server = runTaskyard(['start'], { env: storeSettings('postgres', newStoreOn('postgres', line.url)) })
    await line.cut
    await sleep(1500)
    line.mend()
    await server.line(/ready at/)
    assert.equal((await server.stop()).code, 0)
  })
})

/** A way to the server that breaks, with all its connections, when a client sends what matches, and refuses new ones until it is mended. */
async function cuttingLine(serverUrl: string, what: string) {
  const url = new URL(serverUrl)
  const { port, hostname } = url
  const trigger = new RegExp(what)
  const cut = Promise.withResolvers<void>()
  const clients = new Set<Socket>()
  let state: 'whole' | 'cut' | 'mended' = 'whole'
  const proxy = createTcpServer((client) => {
    if (state === 'cut') return client.destroy()
    const server = connect(Number(port), hostname)
    clients.add(client)
    for (const [from, to] of [[client, server] as const, [server, client] as const]) {
      from.on('error', () => {}).on('close', () => to.destroy())
    }
    server.on('data', (data) => client.write(data))
    client.on('data', (data) => {
      if (state !== 'whole' || !trigger.test(data.toString('latin1'))) return void server.write(data)
      state = 'cut'
      for (const each of clients) each.destroy()
      cut.resolve()
    })
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  url.port = String((proxy.address() as AddressInfo).port)
  return {
    url: url.href,
    cut: cut.promise,
    mend: () => {
      state = 'mended'
    },
    close() {
      for (const each of clients) each.destroy()
      proxy.close()
    },
  }
}

async function startOnDatabase(t: TestContext, kind: ServerKind) {
  const database = await startServer(kind)
  const env = storeSettings(kind, newStoreOn(kind, database.url))
  const process_ = runTaskyard(['start'], { env })
  t.after(async () => {
    await process_.stop('SIGKILL')
    await database.destroy()
  })
  const [, url = ''] = await process_.line(/ready at (http\S+)/)
  const client = new Client({ url, retrySeconds: 0 })
  t.after(() => client.close())
  return { database, server: { ...process_, url, env }, client }
}

async function running(client: Client, ids: readonly string[]): Promise<void> {
  for (const id of ids) await untilEvent(client, id, 'started')
}

/** Submits tasks of both workers until it is stopped; what the server did not acknowledge may be there or not. */
function submitAllTheTime(url: string) {
  const client = new Client({ url, retrySeconds: 0 })
  const ids: string[] = []
  let isStopped = false
  const submitting = (async () => {
    for (let n = 0; !isStopped; n++) {
      const type = n % 2 === 0 ? 'uppercase' : 'short'
      await client.submit(type, { text: `${n}` }).then(
        ({ id }) => ids.push(id),
        (error: unknown) => assert.ok(error instanceof TaskyardError && error.status === 503, String(error)),
      )
      await sleep(20)
    }
  })()
  return {
    async accepted(count: number) {
      await eventually(`${count} tasks are accepted`, 60_000, () => ids.length >= count)
    },
    async stop(): Promise<readonly string[]> {
      isStopped = true
      await submitting
      await client.close()
      return ids
    },
  }
}

/** Submits a task as soon as that can be done; resolves with its id when it has succeeded. */
async function firstToSucceed(client: Client, type: string): Promise<string> {
  for (;;) {
    try {
      const task = await client.wait(await client.submit(type, { text: 'first' }))
      if (task.status === 'succeeded') return task.id
    } catch (error) {
      assert.ok(error instanceof TaskyardError && error.status === 503, String(error))
      await sleep(50)
    }
  }
}
