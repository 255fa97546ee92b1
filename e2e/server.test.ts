import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { SMTPServer } from 'smtp-server'
import { runTaskyard, startServerProcess, temporaryFolder } from './support/taskyard-process.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let stores = 0

before(async () => {
  folder = await temporaryFolder()
})
after(() => folder.remove())

describe('a server', () => {
  it('runs a submitted task and shows what became of it', async () => {
    const server = await startServerProcess({ store: newStore() })
    const submitted = await submit(server.url, { type: 'uppercase', payload: { text: 'hello' } })
    const task = await finished(server.url, submitted.id)
    assert.equal(task.status, 'succeeded')
    assert.deepEqual(task.result, { result: 'HELLO' })
    await server.stop()
  })

  it('sends an email over SMTP and shows its message id', async () => {
    const mailbox = await startMailServer()
    const env = { TASKYARD_SMTP_URL: mailbox.url, TASKYARD_SMTP_FROM: 'yard@example.com' }
    const server = await startServerProcess({ store: newStore(), env })
    const payload = { to: 'ada@example.com', subject: 'Hello', text: 'Hi Ada' }
    const task = await finished(server.url, (await submit(server.url, { type: 'email', payload })).id)
    assert.equal(task.status, 'succeeded', JSON.stringify(task.error))
    assert.match(task.result.messageId, /^<.+@.+>$/)
    assert.match(mailbox.messages[0] ?? '', /From: yard@example\.com/)
    assert.ok(mailbox.messages[0]?.includes(task.result.messageId))
    await server.stop()
    await mailbox.close()
  })

  it('keeps the paths of its files to itself when a task of a built-in type fails', async () => {
    const server = await startServerProcess({ store: newStore() })
    for (const task of [
      { type: 'test', payload: { fail: true }, maxAttempts: 1 },
      { type: 'http-request', payload: { url: 'http://127.0.0.1:9/' }, maxAttempts: 1 },
    ]) {
      const { status, error } = await finished(server.url, (await submit(server.url, task)).id)
      assert.equal(status, 'failed')
      assert.notEqual(error.message, '')
      assert.doesNotMatch(JSON.stringify(error), /\.ts:|node_modules|packages/)
    }
    await server.stop()
  })

  it('is quiet on stdout but for the line that says where it is ready', async () => {
    const server = await startServerProcess({ store: newStore() })
    const { code, stdout } = await server.stop()
    assert.equal(code, 0)
    assert.match(stdout, /^\{[^\n]*"msg":"Taskyard is ready at http:\/\/127\.0\.0\.1:\d+ [^\n]*\}\n$/)
  })

  it('answers under its own names alone, and those that it is told', async () => {
    const server = await startServerProcess({ store: newStore(), env: { TASKYARD_PUBLIC_HOSTS: 'yard.example.com' } })
    const statusUnder = async (host: string) => {
      const [response] = await once(request(`${server.url}/api/v1/info`, { headers: { host } }).end(), 'response')
      response.resume()
      return response.statusCode
    }
    assert.equal(await statusUnder('rebound.evil.example'), 403)
    assert.equal(await statusUnder('yard.example.com'), 200)
    assert.equal(await statusUnder('localhost:8080'), 200)
    await server.stop()
  })

  it('keeps acknowledged tasks over kill -9', async () => {
    const store = newStore()
    const first = await startServerProcess({ store, env: { TASKYARD_QUEUES: 'elsewhere' } })
    const ids: string[] = []
    for (let n = 0; n < 20; n++)
      ids.push((await submit(first.url, { type: 'uppercase', payload: { text: `${n}` } })).id)
    assert.equal((await first.stop('SIGKILL')).signal, 'SIGKILL')
    const second = await startServerProcess({ store })
    const tasks = await Promise.all(ids.map((id) => finished(second.url, id)))
    assert.deepEqual(
      tasks.map((task) => task.result.result),
      ids.map((_, n) => `${n}`),
    )
    await second.stop()
  })

  it('starts a task again whose process was killed while it ran', async () => {
    const store = newStore()
    const first = await startServerProcess({ store })
    const { id } = await submit(first.url, { type: 'test', payload: { delayMs: 1000 } })
    await statusReached(first.url, id, 'running')
    await first.stop('SIGKILL')
    const second = await startServerProcess({ store })
    const task = await finished(second.url, id)
    assert.equal(task.status, 'succeeded')
    assert.equal(task.attempt, 2)
    await second.stop()
  })

  it('lets a running task finish at SIGTERM and exits 0', async () => {
    const store = newStore()
    const server = await startServerProcess({ store })
    const { id } = await submit(server.url, { type: 'test', payload: { delayMs: 1000 } })
    await statusReached(server.url, id, 'running')
    assert.equal((await server.stop('SIGTERM')).code, 0)
    const next = await startServerProcess({ store, env: { TASKYARD_ROLES: 'api,scheduler' } })
    const task = await finished(next.url, id)
    assert.equal(task.status, 'succeeded')
    assert.equal(task.attempt, 1)
    await next.stop()
  })

  it('hands a task back at the drain deadline without using up an attempt', async () => {
    const store = newStore()
    const server = await startServerProcess({ store, env: { TASKYARD_DRAIN_SECONDS: '0' } })
    const { id } = await submit(server.url, { type: 'test', payload: { delayMs: 60_000 } })
    await statusReached(server.url, id, 'running')
    assert.equal((await server.stop('SIGTERM')).code, 0)
    const next = await startServerProcess({ store, env: { TASKYARD_ROLES: 'api,scheduler' } })
    const task = await getTask(next.url, id)
    assert.equal(task.status, 'queued')
    assert.equal(task.attempt, 0)
    await next.stop()
  })

  it('exits at once at a second signal', async () => {
    const server = await startServerProcess({ store: newStore() })
    const { id } = await submit(server.url, { type: 'test', payload: { delayMs: 60_000 } })
    await statusReached(server.url, id, 'running')
    server.child.kill('SIGTERM')
    await drains(server.url)
    // A SIGTERM might come so soon that it is taken for the same one.
    const { code, stderr } = await server.stop('SIGINT')
    assert.equal(code, 130)
    assert.match(stderr, /a second signal: the server ends at once/)
  })
})

describe('a server that cannot start', () => {
  it('refuses a store that another server uses', async () => {
    const store = newStore()
    const first = await startServerProcess({ store })
    const second = await runTaskyard(['start', '--port', '0', '--store', `sqlite:${store}`]).ended
    assert.equal(second.code, 1)
    assert.equal(second.stdout, '')
    assert.match(complaint(second.stderr), /in use by another Taskyard server/)
    assert.doesNotMatch(second.stderr, /stopp/, 'nothing ran that could stop')
    await first.stop()
  })

  it('says that its port is in use', async () => {
    const blocker = createTcpServer().listen(0, '127.0.0.1')
    await once(blocker, 'listening')
    const { port } = blocker.address() as { port: number }
    const store = newStore()
    const { code, stderr } = await runTaskyard(['start', '--port', `${port}`, '--store', `sqlite:${store}`]).ended
    blocker.close()
    assert.equal(existsSync(store), false, 'nothing is made for a server that cannot be reached')
    assert.equal(code, 1)
    assert.match(complaint(stderr), new RegExp(`127\\.0\\.0\\.1:${port} is in use.*--port`))
  })

  it('says that its store is damaged', async () => {
    const store = newStore()
    await writeFile(store, 'this is not a database, however long it goes on and on'.repeat(100))
    const { code, stderr } = await runTaskyard(['start', '--port', '0', '--store', `sqlite:${store}`]).ended
    assert.equal(code, 1)
    assert.match(complaint(stderr), /damaged/)
  })

  it('says that its store cannot be created where nobody may write', async () => {
    const { code, stderr } = await runTaskyard(['start', '--port', '0', '--store', 'sqlite:/proc/x.db']).ended
    assert.equal(code, 1)
    assert.match(complaint(stderr), /\/proc\/x\.db cannot be opened/)
  })

  it('says that the path of its store cannot be', async () => {
    const file = join(folder.path, 'a-file')
    await writeFile(file, '')
    const { code, stderr } = await runTaskyard(['start', '--port', '0', '--store', `sqlite:${file}/x.db`]).ended
    assert.equal(code, 1)
    assert.match(complaint(stderr), /a-file/)
  })

  it('refuses an unknown variable and suggests the right one, exit code 2', async () => {
    const { code, stderr } = await runTaskyard(['start'], { env: { TASKYARD_PROT: '80' } }).ended
    assert.equal(code, 2)
    assert.match(complaint(stderr), /TASKYARD_PROT is not a setting of Taskyard; did you mean TASKYARD_PORT\?/)
  })

  it('refuses a bad option, exit code 2', async () => {
    const { code, stderr } = await runTaskyard(['start', '--port', 'eighty']).ended
    assert.equal(code, 2)
    assert.match(complaint(stderr), /TASKYARD_PORT is "eighty"; expected a whole number/)
  })
})

function newStore(): string {
  return join(folder.path, `store-${++stores}.db`)
}

// biome-ignore lint/suspicious/noExplicitAny: the tests look at documents as any client would
type Document = any

async function submit(url: string, task: object): Promise<Document> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(`${url}/api/v1/tasks`, { method: 'POST', headers, body: JSON.stringify(task) })
  const document = await response.json()
  assert.equal(response.status, 202, JSON.stringify(document))
  return document
}

async function getTask(url: string, id: string, waitSeconds = 0): Promise<Document> {
  return (await fetch(`${url}/api/v1/tasks/${id}?waitSeconds=${waitSeconds}`)).json()
}

function finished(url: string, id: string): Promise<Document> {
  return getTask(url, id, 30)
}

async function statusReached(url: string, id: string, status: string): Promise<void> {
  for (;;) {
    const task = await getTask(url, id)
    if (task.status === status) return
    assert.equal(task.finishedAt, null, `it ended as ${task.status} and was never seen ${status}`)
  }
}

async function drains(url: string): Promise<void> {
  while ((await fetch(`${url}/readyz`)).status === 200);
}

/** The one line that a failed start says on stderr, besides its log. */
/** Why a start failed: the last line of its log. */
function complaint(stderr: string): string {
  const lines = stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { level: string; msg: string })
  assert.deepEqual(
    lines.map(({ level }) => level).filter((level) => level === 'fatal'),
    ['fatal'],
    stderr,
  )
  return lines.at(-1)?.msg ?? ''
}

async function startMailServer() {
  const messages: string[] = []
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, _session, callback) {
      let text = ''
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      stream.on('end', () => {
        messages.push(text)
        callback()
      })
    },
  })
  const listening = server.listen(0, '127.0.0.1')
  await once(listening, 'listening')
  const { port } = listening.address() as { port: number }
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()))
  return { url: `smtp://127.0.0.1:${port}`, messages, close }
}
