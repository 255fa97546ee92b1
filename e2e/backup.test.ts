import assert from 'node:assert/strict'
import { once } from 'node:events'
import { copyFile, readdir, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it, type TestContext } from 'node:test'
import { Client } from '@taskyard/client'
import { eventually } from '@taskyard/conformance'
import { useServer } from './support/cli.ts'
import { runTaskyard, startServerProcess } from './support/taskyard-process.ts'

describe('taskyard backup', () => {
  const { run, runJson, inFolder, serverUrl } = useServer()

  it('makes a file of a running server, for its user alone, on which another server starts with everything', async (t) => {
    const { id } = await runJson(['submit', 'nobody', '"kept"'])
    const file = inFolder('backup.db')
    const told = await runJson(['backup', file])
    const { mode, size } = await stat(file)
    assert.deepEqual(told, { file, bytes: size })
    assert.equal((mode & 0o777).toString(8), '600')
    assert.deepEqual(
      (await readdir(inFolder('.'))).filter((name) => /part|copy/.test(name)),
      [],
    )
    const restored = await startServerProcess({ store: file })
    t.after(() => restored.stop())
    const client = new Client({ url: restored.url })
    assert.equal((await client.get(id)).payload, 'kept')
    await client.close()
  })

  it('does not overwrite a file', async () => {
    const { code, stderr } = await run(['backup', inFolder('tasks.db')])
    assert.equal(code, 1)
    assert.match(stderr, /is there already/)
  })

  it('copies a file that no server has, and leaves one that a server has to that server', async () => {
    const store = `sqlite:${inFolder('alone.db')}`
    await run(['migrate', '--store', store])
    assert.equal((await run(['backup', inFolder('alone-copy.db'), '--store', store])).code, 0)
    const refused = await run(['backup', inFolder('refused.db'), '--store', `sqlite:${inFolder('tasks.db')}`])
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /a server has this file/)
    assert.equal((await run(['backup', inFolder('none.db'), '--store', `sqlite:${inFolder('missing.db')}`])).code, 3)
  })

  it('leaves the schema of a file as it is, and copies it so', async () => {
    const [original, copy] = [inFolder('other-schema.db'), inFolder('other-schema-copy.db')]
    await run(['migrate', '--store', `sqlite:${original}`])
    const versionOf = (path: string, change = '') => {
      const file = new DatabaseSync(path)
      file.exec(change)
      const version = file.prepare('PRAGMA user_version').get()?.user_version
      file.close()
      return version
    }
    versionOf(original, 'PRAGMA user_version = 1')
    assert.equal((await run(['backup', copy, '--store', `sqlite:${original}`])).code, 0)
    assert.deepEqual([versionOf(original), versionOf(copy)], [1, 1])
  })

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`leaves nothing behind when ${signal} ends it`, async (t) => {
      const url = await serveHalfABackup(t)
      const file = inFolder(`${signal}.db`)
      const left = async () => (await readdir(inFolder('.'))).filter((name) => name.startsWith(`${signal}.db`))
      const partSize = async () => {
        const [folder] = await left()
        return folder === undefined
          ? 0
          : (await stat(join(inFolder(folder), `${signal}.db`)).catch(() => ({ size: 0 }))).size
      }
      const running = runTaskyard(['backup', file, '--url', url])
      await eventually('it is written', 60_000, async () => (await partSize()) === 500_000)
      const { code, stderr } = await running.stop(signal)
      assert.equal(code, 130, stderr)
      assert.match(stderr, /stopped: .* was not made/)
      assert.deepEqual(await left(), [])
    })
  }

  it('says where a folder is missing, and when no server is there', async () => {
    const missing = await run(['backup', inFolder('missing/backup.db')])
    assert.equal(missing.code, 1)
    assert.match(missing.stderr, /cannot be written: there is no folder .*\/missing$/m)
    assert.equal((await run(['backup', inFolder('b.db'), '--url', 'http://127.0.0.1:1'])).code, 5)
    assert.ok(serverUrl())
  })
})

/** A server whose answer stops half-way. */
async function serveHalfABackup(t: TestContext): Promise<string> {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/vnd.sqlite3', 'content-length': 1_000_000 })
    response.write(Buffer.alloc(500_000))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('a file that was copied without its log', () => {
  const { inFolder, run } = useServer()

  it('is refused by a start, named by doctor, and used when that is accepted', async (t) => {
    await run(['submit', 'nobody'])
    const copy = inFolder('lone.db')
    await copyFile(inFolder('tasks.db'), copy)
    const env = { TASKYARD_STORE: `sqlite:${copy}`, TASKYARD_PORT: '0' }
    const refused = await runTaskyard(['start'], { env }).ended
    assert.equal(refused.code, 1)
    assert.match(
      refused.stderr,
      /lone\.db-wal, is not beside it.*migrate --accept-lost-log --store 'sqlite:\/.*lone\.db'/,
    )
    assert.match((await run(['doctor'], { env })).stdout, /✘ store .*copied without its log/)
    assert.equal((await run(['migrate', '--accept-lost-log', '--store', `sqlite:${copy}`])).code, 0)
    const server = await startServerProcess({ store: join(inFolder('.'), 'lone.db') })
    t.after(() => server.stop())
  })
  it('is not made anew where it is missing and its loss is accepted', async () => {
    const missing = inFolder('nowhere.db')
    const { code, stderr } = await run(['migrate', '--accept-lost-log', '--store', `sqlite:${missing}`])
    assert.equal(code, 3)
    assert.match(stderr, /there is no .*nowhere\.db/)
    assert.equal((await run(['migrate', '--accept-lost-log', '--store', 'redis://127.0.0.1:1'])).code, 2)
    await assert.rejects(stat(missing), { code: 'ENOENT' })
  })

  it('is no loss where it was in use itself: doctor says that it is whole, and backup copies it', async () => {
    await run(['submit', 'nobody'])
    const moved = inFolder('moved-in.db')
    await copyFile(inFolder('tasks.db'), moved)
    await writeFile(`${moved}-in-use`, '')
    const { stdout } = await run(['doctor'], { env: { TASKYARD_STORE: `sqlite:${moved}`, TASKYARD_PORT: '0' } })
    assert.match(stdout, /✔ store .*moved-in\.db is whole/)
    assert.equal((await run(['backup', inFolder('moved-copy.db'), '--store', `sqlite:${moved}`])).code, 0)
  })

  it('is named by doctor when its log is empty, and when it is the log that is there alone', async () => {
    await run(['submit', 'nobody'])
    await copyFile(inFolder('tasks.db'), inFolder('empty-log.db'))
    await writeFile(inFolder('empty-log.db-wal'), '')
    await copyFile(inFolder('tasks.db-wal'), inFolder('alone.db-wal'))
    const foundIn = async (name: string) => {
      const { stdout } = await run(['doctor'], { env: { TASKYARD_STORE: `sqlite:${inFolder(name)}` } })
      return stdout
    }
    assert.match(await foundIn('empty-log.db'), /✘ store .*empty-log\.db-wal is empty or damaged/)
    assert.match(await foundIn('alone.db'), /✘ store .*alone\.db is missing or empty, and its log is there/)
  })
})
