// A connection that is dead without a word: a proxy keeps it open to a server that is gone, and nothing comes any more.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { OpenedStore, WakeUpsPort } from '@taskyard/core'
import { openDatabase } from '../src/database.ts'
import { createLanes } from '../src/lanes.ts'
import { readPostgresUrl } from '../src/location.ts'
import { openMaintenance } from '../src/maintenance.ts'
import { createSignals } from '../src/signals.ts'
import { newId, newTask, submissions } from './calls.ts'
import { ownSchema, withParameter } from './own-schema.ts'

async function openTestBed(t: TestContext) {
  const schema = await ownSchema()
  t.after(() => schema.destroy())
  const store = await schema.open()
  const { host, killSilently } = await startProxy(t, new URL(schema.server))
  const url = new URL(schema.url)
  url.host = host
  return { schema, store, killSilently, url: url.href, host }
}

/** Lets everything through, until the connections there are carry nothing any more. */
async function startProxy(t: TestContext, target: URL) {
  const sockets = new Set<Socket>()
  // As a server that stands still: whoever takes leave of it gets no answer.
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ port: Number(target.port), host: target.hostname, allowHalfOpen: true })
    near.pipe(far).pipe(near)
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    killSilently() {
      for (const socket of sockets) socket.unpipe().resume()
    },
  }
}

test('a chore on a connection that is dead ends, and the next one has another', async (t) => {
  const { killSilently, url } = await openTestBed(t)
  const maintenance = openMaintenance(readPostgresUrl(url), 200)
  t.after(() => maintenance.close())
  const chore = maintenance.transaction(async (run) => {
    await run('SELECT 1')
    killSilently()
    await run('SELECT 1')
  })
  await assert.rejects(chore, { code: 'store_unavailable' })
  await untilDone(() => maintenance.run('SELECT 1'))
})

test('news come again after their connection has died', async (t) => {
  const { schema, store, killSilently, host } = await openTestBed(t)
  const location = readPostgresUrl(withParameter(schema.url, 'listen', host))
  const database = openDatabase(location, 1)
  const signals = createSignals(database, createLanes(database), location, newId(), { askEveryMs: 20, answerMs: 200 })
  t.after(async () => {
    await signals.close()
    await database.close()
  })
  signals.start()
  await untilWoken(signals.wakeUps, store)
  killSilently()
  await untilWoken(signals.wakeUps, store)
})

test('a process ends that has closed its store while the server stands still', async (t) => {
  const { killSilently, url } = await openTestBed(t)
  const script = new URL('./closing-process.ts', import.meta.url)
  const child = spawn(process.execPath, [fileURLToPath(script), url], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  killSilently()
  child.stdin.end('close')
  assert.deepEqual(await once(child, 'exit'), [0, null])
})

async function untilWoken(wakeUps: WakeUpsPort, store: OpenedStore): Promise<void> {
  let isWoken = false
  const stop = wakeUps.subscribe(() => {
    isWoken = true
  })
  while (!isWoken) {
    await store.tasks.enqueue(submissions(newTask()))
    await setImmediate()
  }
  stop()
}

/** A slow machine may take longer than the test lets it. */
async function untilDone(work: () => Promise<unknown>): Promise<void> {
  while (
    await work().then(
      () => false,
      () => true,
    )
  )
    await setImmediate()
}
