import assert from 'node:assert/strict'
import { copyFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Client } from '@taskyard/client'
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

  it('says where a folder is missing, and when no server is there', async () => {
    const missing = await run(['backup', inFolder('missing/backup.db')])
    assert.equal(missing.code, 1)
    assert.match(missing.stderr, /cannot be written: .*ENOENT/)
    assert.equal((await run(['backup', inFolder('b.db'), '--url', 'http://127.0.0.1:1'])).code, 5)
    assert.ok(serverUrl())
  })
})

describe('a file that was copied without its log', () => {
  const { inFolder, run } = useServer()

  it('is refused by a start, named by doctor, and used when that is accepted', async (t) => {
    await run(['submit', 'nobody'])
    const copy = inFolder('lone.db')
    await copyFile(inFolder('tasks.db'), copy)
    const env = { TASKYARD_STORE: `sqlite:${copy}`, TASKYARD_PORT: '0' }
    const refused = await runTaskyard(['start'], { env }).ended
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /lone\.db-wal, is not beside it/)
    assert.match((await run(['doctor'], { env })).stdout, /✘ store .*copied without its log/)
    assert.equal((await run(['migrate', '--accept-lost-log'], { env })).code, 0)
    const server = await startServerProcess({ store: join(inFolder('.'), 'lone.db') })
    t.after(() => server.stop())
  })
})
