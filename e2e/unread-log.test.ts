import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { Client } from '@taskyard/client'
import { eventually } from '@taskyard/conformance'
import { freePorts } from './chaos/free-port.ts'
import { untilEvent } from './support/task-events.ts'
import { MAIN, runCommand, runTaskyard, startServerProcess, temporaryFolder } from './support/taskyard-process.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let stores = 0

before(async () => {
  folder = await temporaryFolder()
})
after(() => folder.remove())

/** A server that writes a line of some kilobytes for each request. */
async function startTalkative(t: TestContext) {
  const store = join(folder.path, `${++stores}.db`)
  const server = await startServerProcess({ store, env: { TASKYARD_LOG_LEVEL: 'debug' } })
  t.after(() => server.stop('SIGKILL'))
  const talk = async (times: number) => {
    for (let i = 0; i < times; i++) await (await fetch(`${server.url}/${'x'.repeat(8000)}`)).arrayBuffer()
  }
  return { ...server, talk }
}

describe('a server whose log nobody reads', () => {
  it('goes on, and stops in order, when its reader is gone', async (t) => {
    const { child, url, ended, talk } = await startTalkative(t)
    child.stderr?.destroy()
    await talk(20)
    assert.equal((await fetch(`${url}/livez`)).status, 200)
    child.kill('SIGTERM')
    const { code, signal } = await ended
    assert.deepEqual([code, signal], [0, null])
  })

  it('ends when it is told to, however much of its log waits to be read', async (t) => {
    const { child, url, talk } = await startTalkative(t)
    child.stderr?.pause()
    await talk(60)
    assert.equal((await fetch(`${url}/livez`)).status, 200)
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    assert.deepEqual(await exited, [0, null])
    child.stderr?.resume()
  })

  it('keeps a megabyte at most, and says how much is missing once somebody reads again', async (t) => {
    const { child, ended, talk } = await startTalkative(t)
    child.stderr?.pause()
    await talk(300)
    child.stderr?.resume()
    const told = /"lines":(\d+),"msg":"lines of the log found no reader and are gone"/
    let text = ''
    child.stderr?.on('data', (chunk: string) => {
      text += chunk
    })
    while (!told.test(text)) await talk(1)
    assert.ok(Number(told.exec(text)?.[1]) > 50)
    child.kill('SIGTERM')
    assert.equal((await ended).code, 0)
  })

  it('goes on when what it writes goes to a full disk', {
    skip: process.platform !== 'linux' && 'there is no /dev/full',
  }, async (t) => {
    const store = `sqlite:${join(folder.path, `${++stores}.db`)}`
    const [port] = await freePorts(1)
    const script = `exec "$0" "$1" start --port ${port} --store "$2" --log-level debug >/dev/full 2>&1`
    const server = runCommand('sh', ['-c', script, process.execPath, MAIN, store])
    t.after(() => server.stop('SIGKILL'))
    const answers = () =>
      fetch(`http://127.0.0.1:${port}/livez`).then(
        ({ ok }) => ok,
        () => false,
      )
    await eventually('it is there', 60_000, answers)
    for (let i = 0; i < 3; i++) assert.equal(await answers(), true)
    assert.equal((await server.stop('SIGTERM')).code, 1)
  })
})

describe('a command whose answer goes to a full disk', {
  skip: process.platform !== 'linux' && 'there is no /dev/full',
}, () => {
  it('has failed, and says so', async () => {
    const { code, stderr } = await runCommand('sh', ['-c', 'exec "$0" "$1" version >/dev/full', process.execPath, MAIN])
      .ended
    assert.equal(code, 1)
    assert.match(stderr, /^error: the output cannot be written: ENOSPC.*\n$/)
  })
})

describe('a worker whose output nobody reads any more', () => {
  it('stops in order: what runs is finished', async (t) => {
    const server = await startServerProcess({ store: join(folder.path, `${++stores}.db`) })
    t.after(() => server.stop())
    const client = new Client({ url: server.url })
    t.after(() => client.close())
    const handlers = join(folder.path, 'handlers.mjs')
    await writeFile(handlers, HANDLERS)
    const worker = runTaskyard(['work', handlers], { env: { TASKYARD_URL: server.url } })
    t.after(() => worker.stop('SIGKILL'))
    const slow = await client.submit('slow', null)
    await untilEvent(client, slow.id, 'started')
    worker.child.stdout?.destroy()
    const exited = once(worker.child, 'exit')
    await client.submit('quick', null)
    await exited
    const { status, attempt } = await client.get(slow.id)
    assert.deepEqual([status, attempt], ['succeeded', 1])
  })
})

const HANDLERS = `
  let finish
  export default {
    slow: () => new Promise((resolve) => { finish = () => setTimeout(resolve, 2000) }),
    quick: () => finish(),
  }`
