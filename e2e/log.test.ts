import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, it, type TestContext } from 'node:test'
import { Client } from '@taskyard/client'
import { untilEvent } from './support/task-events.ts'
import { runTaskyard, startServerProcess, temporaryFolder } from './support/taskyard-process.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let stores = 0

before(async () => {
  folder = await temporaryFolder()
})
after(() => folder.remove())

interface Line {
  readonly level: string
  readonly time: string
  readonly msg: string
  readonly [name: string]: unknown
}

const newStore = () => join(folder.path, `${++stores}.db`)

/** Every line that a process has written, on whichever stream: all of one shape. */
function linesOf({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }): readonly Line[] {
  return (stdout + stderr)
    .trim()
    .split('\n')
    .map((text) => {
      const line = JSON.parse(text) as Line
      assert.match(line.level, /^(trace|debug|info|warn|error|fatal)$/, text)
      assert.equal(new Date(line.time).toISOString(), line.time, text)
      assert.equal(typeof line.msg, 'string', text)
      return line
    })
}

/** A server that refuses whatever comes, and repeats it. */
async function serveAnEcho(t: TestContext): Promise<string> {
  const server = createServer(async (request, response) => {
    response.writeHead(422).end(`${request.headers.authorization} ${await text(request)}`)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('the log of a server', () => {
  it('tells of tasks that fail for good, with no payload, and of what it waits for at its end', async () => {
    const server = await startServerProcess({ store: newStore() })
    const client = new Client({ url: server.url })
    const failing = await client.submit('test', { fail: true, secret: 'hunter2' }, { maxAttempts: 1 })
    const long = await client.submit('test', { delayMs: 1000 })
    await client.wait(failing)
    await untilEvent(client, long.id, 'started')
    const lines = linesOf(await server.stop())
    await client.close()
    const failed = lines.filter(({ msg }) => msg === 'a task failed for good')
    assert.deepEqual(
      failed.map(({ level, task, type, queue, attempt, code }) => ({ level, task, type, queue, attempt, code })),
      [{ level: 'warn', task: failing.id, type: 'test', queue: 'default', attempt: 1, code: 'test_failure' }],
    )
    assert.match(String(failed[0]?.['error']), /Attempt 1 failed/)
    assert.ok(!JSON.stringify(lines).includes('hunter2'))
    assert.equal(lines.find(({ msg }) => msg.startsWith('draining'))?.['tasks'], 1)
    assert.equal(lines.at(-1)?.msg, 'stopped')
  })

  it('has which host was asked and what status came back, and nothing of the path or of what the other side said', async (t) => {
    const url = await serveAnEcho(t)
    const server = await startServerProcess({ store: newStore(), env: { TASKYARD_HTTP_ALLOW_PRIVATE: '1' } })
    const client = new Client({ url: server.url })
    const request = { method: 'POST', url: `${url}/hook/PSECRET?key=QSECRET`, body: { card: 'BSECRET' } }
    const payload = { ...request, headers: { authorization: 'Bearer HSECRET' } }
    const { id } = await client.submit('http-request', payload, { maxAttempts: 1 })
    const { error } = await client.wait(id)
    assert.match(error?.message ?? '', /PSECRET.*HSECRET.*BSECRET/s)
    const lines = linesOf(await server.stop())
    await client.close()
    const failed = lines.find(({ msg }) => msg === 'a task failed for good')
    assert.equal(failed?.['error'], `POST ${new URL(url).host} answered 422 Unprocessable Entity`)
    assert.doesNotMatch(JSON.stringify(lines), /SECRET/)
  })

  it('has attempts that are made again and requests at debug, and calls of the store at trace', async () => {
    const messagesAt = async (level: string) => {
      const server = await startServerProcess({ store: newStore(), env: { TASKYARD_LOG_LEVEL: level } })
      const client = new Client({ url: server.url })
      const { id } = await client.submit('test', { fail: true }, { backoff: { baseSeconds: 3600 } })
      await untilEvent(client, id, 'retry-scheduled')
      await client.close()
      return linesOf(await server.stop()).map(({ msg, path, call }) => path ?? call ?? msg)
    }
    const again = 'an attempt failed; another follows'
    const asInfo = await messagesAt('info')
    for (const message of [again, '/api/v1/tasks', 'enqueue']) assert.ok(!asInfo.includes(message), message)
    const asDebug = await messagesAt('debug')
    for (const message of [again, '/api/v1/tasks']) assert.ok(asDebug.includes(message), message)
    assert.ok((await messagesAt('trace')).includes('enqueue'))
  })

  it('warns of a server that listens beyond its machine, once', async () => {
    const server = await startServerProcess({ store: newStore(), env: { TASKYARD_HOST: '0.0.0.0' } })
    const warnings = linesOf(await server.stop()).filter(({ level }) => level === 'warn')
    assert.deepEqual(
      warnings.map(({ msg }) => msg),
      ['the API has no authentication and listens beyond this machine'],
    )
  })

  it('has a failed start as a line of its own, whatever it failed by', async () => {
    const failures = [
      { env: { TASKYARD_LOG_LEVEL: 'silent', TASKYARD_PORT: 'many' }, code: 2, word: 'invalid_configuration' },
      {
        env: { TASKYARD_PORT: '0', TASKYARD_STORE: 'sqlite:/proc/nowhere/tasks.db' },
        code: 1,
        word: 'store_unavailable',
      },
    ]
    for (const { env, code, word } of failures) {
      const ended = await runTaskyard(['start'], { env }).ended
      assert.equal(ended.code, code)
      const last = linesOf(ended).at(-1)
      assert.deepEqual([last?.level, last?.['code']], ['fatal', word])
    }
  })
})
