import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '@taskyard/conformance'
import { sharedServer, startPgbouncer, startServer } from '../src/index.ts'
import { processTree } from '../src/process-tree.ts'
import { SERVER_KINDS } from '../src/test-server.ts'
import { KEY_VALUE } from './support/key-value.ts'

for (const kind of SERVER_KINDS) {
  const { put, get } = KEY_VALUE[kind]

  describe(kind, () => {
    test('a server that was stopped starts again where it was, with its data', async (t) => {
      const server = await startServer(kind)
      t.after(() => server.destroy())
      const { url } = server
      await put(url, 1)
      await server.stop()
      assert.equal(await accepts(url), false)
      await server.start()
      assert.equal(server.url, url)
      assert.equal(await get(url), 1)
    })

    test('a server that was killed has every write that was answered', async (t) => {
      const server = await startServer(kind)
      t.after(() => server.destroy())
      for (const value of [1, 2, 3]) {
        await put(server.url, value)
        const { pid } = server
        await server.kill()
        assert.deepEqual(processTree(pid), [])
        await server.start()
        assert.equal(await get(server.url), value)
      }
    })

    test('a paused server answers when it is resumed', async (t) => {
      const server = await startServer(kind)
      t.after(() => server.destroy())
      await put(server.url, 1)
      server.pause()
      let answered = false
      const answer = get(server.url).finally(() => {
        answered = true
      })
      await delay(300) // Long enough for a server that is not paused.
      assert.equal(answered, false)
      server.resume()
      assert.equal(await answer, 1)
    })

    test('a destroyed server leaves neither process nor data', async () => {
      const before = foldersOf(process.pid)
      const server = await startServer(kind)
      const { pid } = server
      assert.ok(foldersOf(process.pid).length > before.length)
      await server.destroy()
      assert.deepEqual(processTree(pid), [])
      assert.deepEqual(foldersOf(process.pid), before)
    })

    test('nothing of a server outlives its test process, even when that is killed', async () => {
      const holder = spawn(process.execPath, [join(import.meta.dirname, 'support', 'hold-server.ts'), kind])
      const [line] = await once(createInterface({ input: holder.stdout }), 'line')
      const { url, pid } = JSON.parse(line)
      await put(url, 1)
      const folders = foldersOf(holder.pid as number)
      assert.equal(folders.length, kind === 'mongodb' ? 2 : 1)
      holder.kill('SIGKILL')
      await eventually(
        'processes and folders are gone',
        60_000,
        () => processTree(pid).length === 0 && !folders.some(exists),
      )
      assert.equal(await accepts(url), false)
    })

    test('the shared server is the one of the environment, else one for the whole process', async (t) => {
      const variable = `TEST_${kind.toUpperCase()}_URL`
      const given = process.env[variable]
      t.after(() => {
        if (given !== undefined) process.env[variable] = given
      })
      process.env[variable] = 'given://'
      assert.deepEqual(await sharedServer(kind), { url: 'given://' })
      delete process.env[variable]
      const [first, second] = await Promise.all([sharedServer(kind), sharedServer(kind)])
      assert.equal(first.url, second.url)
      assert.equal(await accepts(first.url), true)
    })
  })
}

test('a PgBouncer leads to its server', async (t) => {
  const server = await startServer('postgres')
  t.after(() => server.destroy())
  const pooler = await startPgbouncer(server.url)
  t.after(() => pooler.destroy())
  await KEY_VALUE.postgres.put(pooler.url, 1)
  assert.equal(await KEY_VALUE.postgres.get(server.url), 1)
})

test('a server that cannot be had fails its tests with the reason, and without another try', async (t) => {
  process.env.TEST_REDIS_PROBLEM = 'install redis-server'
  t.after(() => delete process.env.TEST_REDIS_PROBLEM)
  await assert.rejects(startServer('redis'), /install redis-server/)
})

test('a server that ends at its start says why', async () => {
  await assert.rejects(startServer('redis', { settings: { appendfsync: 'never' } }), /appendfsync/)
})

function accepts(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
  }).finally(() => socket.destroy()) as Promise<boolean>
}

/** Where the servers that a process started keep their data. */
function foldersOf(pid: number): readonly string[] {
  return globSync(join(tmpdir(), `taskyard-*-${pid}-*`))
}

function exists(path: string): boolean {
  return globSync(path).length > 0
}
