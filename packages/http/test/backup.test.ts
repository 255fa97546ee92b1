import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
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
