import assert from 'node:assert/strict'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { createSimulatedClock, eventually } from '@taskyard/conformance'
import { sentBytes } from '../src/unread-answers.ts'
import { json, open } from './raw-connection.ts'
import { startApi } from './start-api.ts'

test('a backup is the whole database, of all namespaces, under its own content type', async (context) => {
  const { post, submit, server } = await startApi(context)
  await submit({ type: 't' })
  await post('/api/v1/tasks', { type: 't', payload: null }, { 'taskyard-namespace': 'other' })
  const response = await server.inject({ method: 'POST', url: '/api/v1/backup' })
  assert.equal(response.statusCode, 200)
  assert.equal(response.headers['content-type'], 'application/vnd.sqlite3')
  assert.equal(Number(response.headers['content-length']), response.rawPayload.length)
  const path = join(tmpdir(), `taskyard-backup-${process.pid}.db`)
  context.after(() => rm(path, { force: true }))
  await writeFile(path, response.rawPayload)
  const copy = new DatabaseSync(path, { readOnly: true })
  assert.equal(copy.prepare('SELECT count(*) AS n FROM tasks').get()?.n, 2)
  copy.close()
})

test('who asks in the name of a namespace is not given those of the others', async (context) => {
  const { server } = await startApi(context)
  for (const namespace of ['acme', 'default']) {
    const headers = { 'taskyard-namespace': namespace }
    const response = await server.inject({ method: 'POST', url: '/api/v1/backup', headers })
    assert.equal(response.statusCode, 400)
    assert.match(response.json().detail, /holds the tasks of all namespaces/)
  }
})

test('a server that drains starts no backup', async (context) => {
  const { server } = await startApi(context, { draining: AbortSignal.abort() })
  const response = await server.inject({ method: 'POST', url: '/api/v1/backup' })
  assert.equal(response.json().code, 'shutting_down')
})

test('who takes a little of it now and then is cut off in the end, and the next one is served', async (context) => {
  const clock = createSimulatedClock()
  const { server, listen, submit } = await startApi(context, { clock })
  const payload = 'x'.repeat(900_000)
  for (let i = 0; i < 28; i++) await submit({ type: 't', payload })
  const connected = once(server.server, 'connection')
  const socket = open(context, await listen())
  socket.write(json('/api/v1/backup', ''))
  const [accepted] = (await connected) as [Socket]
  await once(socket, 'data')
  const begin = clock.now()
  while (!accepted.destroyed) {
    const sent = sentBytes(accepted)
    for (socket.resume(); sentBytes(accepted) === sent; ) await once(socket, 'data')
    socket.pause()
    // Less than a minute without progress, which would end it before.
    await clock.advance(50_000)
    assert.ok(clock.now() - begin < 300_000, 'it is never cut off')
  }
  assert.ok(clock.now() - begin > 150_000)
  const again = () => server.inject({ method: 'POST', url: '/api/v1/backup' })
  await eventually('its room is free', 60_000, async () => (await again()).statusCode === 200)
})
