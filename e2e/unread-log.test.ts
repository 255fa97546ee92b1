import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { Client } from '@taskyard/client'
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

  it('goes on when its log is a file on a full disk', { skip: process.platform !== 'linux' }, async (t) => {
    const store = `sqlite:${join(folder.path, `${++stores}.db`)}`
    const script = `exec "$0" "$1" start --port 0 --store "$2" --log-level debug 2>/dev/full`
    const server = runCommand('sh', ['-c', script, process.execPath, MAIN, store])
    t.after(() => server.stop('SIGKILL'))
    const [, url = ''] = await server.line(/ready at (http\S+)/)
    for (let i = 0; i < 3; i++) assert.equal((await fetch(`${url}/livez`)).status, 200)
    assert.equal((await server.stop('SIGTERM')).code, 0)
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
