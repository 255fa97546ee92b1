import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir, writeFile } from 'node:fs/promises'
import { createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { type Document, useServer } from './support/cli.ts'

const { inFolder, run, runJson, serverUrl } = useServer()

describe('taskyard migrate', () => {
  it('creates a store, and is done when it is up to date', async () => {
    const store = `sqlite:${inFolder('migrated.db')}`
    const created = await runJson(['migrate', '--store', store])
    assert.equal(created.from, 0)
    assert.deepEqual(await runJson(['migrate', '--store', store]), { ...created, from: created.to })
  })

  it('refuses a store that a server uses', async () => {
    const { code, stdout, stderr } = await run(['migrate', '--json', '--store', `sqlite:${inFolder('tasks.db')}`])
    assert.equal(code, 1)
    assert.match(stderr, /in use by another Taskyard server/)
    assert.equal(JSON.parse(stdout).error.code, 'store_locked')
  })
})

describe('taskyard doctor', () => {
  it('finds nothing wrong with a good set-up beside its server', async () => {
    const env = { TASKYARD_STORE: `sqlite:${inFolder('tasks.db')}`, TASKYARD_PORT: '0' }
    const { code, stdout } = await run(['doctor'], { env })
    assert.equal(code, 0, stdout)
    assert.match(stdout, /✔ store .* is in use by a running server/)
    assert.match(stdout, /✔ server .* is ready/)
  })

  it('says what is wrong and what to do, exit code 1', async () => {
    const deaf = createTcpServer((socket) => socket.end('554 go away\r\n')).listen(0, '127.0.0.1')
    await once(deaf, 'listening')
    const { port } = deaf.address() as { port: number }
    const broken = inFolder('broken.db')
    await writeFile(broken, 'not a database '.repeat(500))
    const env = {
      TASKYARD_STORE: `sqlite:${broken}`,
      TASKYARD_PORT: `${port}`,
      TASKYARD_SMTP_URL: `smtp://127.0.0.1:${port}`,
      TASKYARD_URL: 'http://127.0.0.1:9',
      TASKYARD_ALLOW_UNSAFE_DURABILITY: '1',
    }
    const { code, stdout } = await run(['doctor', '--json'], { env })
    deaf.close()
    const { ok, findings } = JSON.parse(stdout)
    const verdicts = Object.fromEntries(findings.map(({ check, verdict }: Document) => [check, verdict]))
    assert.equal(code, 1)
    assert.equal(ok, false)
    assert.deepEqual(
      {
        store: verdicts.store,
        port: verdicts.port,
        smtp: verdicts.smtp,
        server: verdicts.server,
        durability: verdicts.durability,
      },
      { store: 'problem', port: 'problem', smtp: 'problem', server: 'warning', durability: 'warning' },
    )
    for (const { verdict, advice } of findings) assert.equal(advice === null, verdict === 'ok')
  })

  it('asks the server of this configuration, unless another one is named', async () => {
    const { hostname, port } = new URL(serverUrl())
    const env = { TASKYARD_STORE: `sqlite:${inFolder('tasks.db')}`, TASKYARD_HOST: hostname, TASKYARD_PORT: port }
    const here = await run(['doctor'], { env: { ...env, TASKYARD_URL: '' } })
    assert.equal(here.code, 0, here.stdout)
    assert.ok(new RegExp(`✔ server +Taskyard \\S+ at ${serverUrl()} is ready`).test(here.stdout), here.stdout)
    const elsewhere = await run(['doctor'], { env: { ...env, TASKYARD_URL: 'http://127.0.0.1:9' } })
    assert.match(elsewhere.stdout, /! server +nothing answers at http:\/\/127\.0\.0\.1:9/)
    assert.match(elsewhere.stdout, /✔ port .* is held by Taskyard \d/)
  })

  it('says that the running server keeps its tasks in another store', async () => {
    const port = { TASKYARD_PORT: '0', TASKYARD_STORE: `sqlite:${inFolder('other.db')}` }
    await run(['migrate'], { env: port })
    const { code, stdout } = await run(['doctor'], { env: port })
    assert.equal(code, 0, stdout)
    assert.match(stdout, /! same store +the server at \S+ keeps its tasks elsewhere: no server has \S+other\.db, which/)
    const redis = await run(['doctor'], { env: { ...port, TASKYARD_STORE: 'redis://127.0.0.1:9' } })
    assert.match(redis.stdout, /! same store .* its store is sqlite, TASKYARD_STORE names one of redis\n/)
    const same = await run(['doctor'], { env: { ...port, TASKYARD_STORE: `sqlite:${inFolder('tasks.db')}` } })
    assert.doesNotMatch(same.stdout, /same store/)
  })

  it('says that a queue is at its limit', async () => {
    await runJson(['submit', 'nobody', '1', '--queue', 'brimful'])
    const env = { TASKYARD_STORE: `sqlite:${inFolder('tasks.db')}`, TASKYARD_PORT: '0', TASKYARD_QUEUE_DEPTH: '1' }
    const { code, stdout } = await run(['doctor'], { env })
    assert.equal(code, 0, stdout)
    assert.match(stdout, /! queues +brimful of namespace default is at its limit of 1 waiting task and takes no more/)
  })

  it('leaves nothing beside the store', async () => {
    const place = inFolder('inspected')
    const store = `sqlite:${join(place, 'tasks.db')}`
    await run(['migrate', '--store', store])
    const { stdout } = await run(['doctor'], { env: { TASKYARD_STORE: store, TASKYARD_PORT: '0' } })
    assert.match(stdout, /✔ store .* is whole/)
    assert.deepEqual(await readdir(place), ['tasks.db'])
  })

  it('creates nothing', async () => {
    const store = inFolder('not-yet.db')
    assert.equal((await run(['doctor'], { env: { TASKYARD_STORE: `sqlite:${store}`, TASKYARD_PORT: '0' } })).code, 0)
    assert.equal((await runJson(['migrate', '--store', `sqlite:${store}`])).from, 0)
  })

  it('reports a wrong configuration as its finding', async () => {
    const { code, stdout } = await run(['doctor'], { env: { TASKYARD_PORT: 'x' } })
    assert.equal(code, 1)
    assert.match(stdout, /✘ configuration +TASKYARD_PORT is "x"/)
  })
})
