// The Python worker of the guide, in the troubles that the guide says it survives. Needs python3.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { examplesOf } from './support/examples.ts'
import {
  REPOSITORY,
  type Running,
  runCommand,
  startServerProcess,
  temporaryFolder,
} from './support/taskyard-process.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let server: Awaited<ReturnType<typeof startServerProcess>>

before(async () => {
  folder = await temporaryFolder()
  server = await startServer()
})
after(async () => {
  await server.stop()
  await folder.remove()
})

test('it survives the death of its server, delivers what ended meanwhile, and goes on', async () => {
  const worker = await startWorker()
  const kept = await submit({ until: inFolder('go') })
  await untilRunning(kept)
  await server.stop('SIGKILL')
  await worker.line(/heartbeat failed: /)
  await writeFile(inFolder('go'), '')
  await worker.line(/trying again: /)
  server = await startServer(new URL(server.url).port)
  const { status, attempt, crashes } = await ended(kept)
  assert.deepEqual({ status, attempt, crashes }, { status: 'succeeded', attempt: 1, crashes: 0 })
  assert.equal((await ended(await submit({ until: folder.path }))).status, 'succeeded')
  assert.equal((await worker.stop()).code, 0)
})

test('its heartbeats go on after the death of its server: a cancel reaches its handler', async () => {
  const worker = await startWorker()
  const id = await submit({ until: inFolder('never') })
  await untilRunning(id)
  await server.stop('SIGKILL')
  await worker.line(/heartbeat failed: /)
  server = await startServer(new URL(server.url).port)
  await fetch(`${server.url}/api/v1/tasks/${id}/cancel`, { method: 'POST' })
  await worker.line(new RegExp(`${id}: cancelled`))
  const { status, attempt } = await ended(id)
  assert.deepEqual({ status, attempt }, { status: 'cancelled', attempt: 1 })
  assert.equal((await worker.stop()).code, 0)
})

test('it stops a handler whose lease is lost, and says so', async () => {
  const worker = await startWorker()
  const id = await submit({ until: inFolder('never') }, { timeoutSeconds: 1, maxAttempts: 1 })
  await worker.line(new RegExp(`${id}: the lease was lost`))
  assert.equal((await ended(id)).status, 'failed')
  assert.equal((await worker.stop()).code, 0)
})

test('it says that a result came too late', async () => {
  const worker = await startWorker({ beatSeconds: 1000 })
  const id = await submit({ until: inFolder('late') }, { timeoutSeconds: 1, maxAttempts: 1 })
  assert.equal((await ended(id)).status, 'failed')
  await writeFile(inFolder('late'), '')
  await worker.line(new RegExp(`${id}: succeeded, but lost`))
  assert.equal((await worker.stop()).code, 0)
})

test('it fails a task whose result the server refuses', async () => {
  const worker = await startWorker()
  const { status, error } = await ended(await submit({ until: folder.path, resultBytes: 3_000_000 }))
  assert.deepEqual([status, error?.code], ['failed', 'refused'])
  assert.equal((await worker.stop()).code, 0)
})

test('told to stop, it gives an unfinished task back', async () => {
  const worker = await startWorker({ drainSeconds: 0 })
  const id = await submit({ until: inFolder('never') })
  await untilRunning(id)
  const { code, stdout } = await worker.stop()
  assert.equal(code, 0, stdout)
  const { status, attempt, crashes } = await taskOf(id)
  assert.deepEqual({ status, attempt, crashes }, { status: 'queued', attempt: 0, crashes: 0 })
})

test('told to stop while its claim waits, it closes that, asks what it gave, and releases it', async (context) => {
  const calls: { path: string; body: Record<string, unknown> }[] = []
  const waiting = Promise.withResolvers<IncomingMessage>()
  const answers = [{ tasks: [{ id: 'given', lease: { token: 7 } }] }, { results: [{ status: 'ok' }] }]
  const listener = async (request: IncomingMessage, response: ServerResponse) => {
    calls.push({ path: request.url ?? '', body: JSON.parse(await textOf(request)) })
    if (calls.length === 1) return waiting.resolve(request)
    response.end(JSON.stringify(answers.shift()))
  }
  const double = createServer((request, response) => void listener(request, response)).listen(0, '127.0.0.1')
  context.after(() => double.close())
  await once(double, 'listening')
  const worker = await startWorker({ url: `http://127.0.0.1:${(double.address() as AddressInfo).port}` })

  const closed = once((await waiting.promise).socket, 'close')
  assert.equal((await worker.stop()).code, 0)
  await closed
  const [first, again, settlement] = calls
  assert.equal(calls.length, 3)
  assert.deepEqual(again, { path: first?.path, body: { ...first?.body, waitSeconds: 0 } })
  assert.deepEqual(settlement?.body, { outcomes: [{ taskId: 'given', token: 7, outcome: 'released' }] })
})

test('it works for the namespace that TASKYARD_NAMESPACE names', async () => {
  const worker = await startWorker({ namespace: 'acme' })
  const headers = { 'content-type': 'application/json', 'taskyard-namespace': 'acme' }
  const body = JSON.stringify({ type: 'count-words', payload: { text: 'one two' } })
  const answer = await fetch(`${server.url}/api/v1/tasks`, { method: 'POST', headers, body })
  const { id } = (await answer.json()) as { id: string }
  await worker.line(new RegExp(`${id}: succeeded`))
  assert.equal((await worker.stop()).code, 0)
})

interface Task {
  readonly status: string
  readonly attempt: number
  readonly crashes: number
  readonly error: { readonly code: string } | null
}

const UNTIL_HANDLER = `
def until(payload, stop):
    while not os.path.exists(payload["until"]):
        if stop.wait(0.05):
            raise RuntimeError("stopped")
    return "x" * payload.get("resultBytes", 0)


`

/** The guide's worker with quick heartbeats and one more handler, which runs until a file is there or it is told to stop. */
async function startWorker({
  beatSeconds = 0.2,
  drainSeconds = 20,
  url = server.url,
  namespace = '',
} = {}): Promise<Running> {
  const example = examplesOf(join(REPOSITORY, 'docs/guides/http-worker.md')).find(({ note }) => note === 'worker.py')
  const settings = `LEASE_SECONDS, BEAT_SECONDS, DRAIN_SECONDS = 30, ${beatSeconds}, ${drainSeconds}`
  const program = (example?.text ?? '')
    .replace(/^LEASE_SECONDS, .*$/m, settings)
    .replace(/^HANDLERS = \{/m, (begin) => `${UNTIL_HANDLER}${begin}"until": until, `)
  assert.ok(program.includes(settings) && program.includes('"until": until'))
  await writeFile(inFolder('worker.py'), program)
  return runCommand('python3', ['worker.py'], {
    cwd: folder.path,
    env: { TASKYARD_URL: url, TASKYARD_NAMESPACE: namespace },
  })
}

function startServer(port = '0') {
  return startServerProcess({ store: inFolder('tasks.db'), env: { TASKYARD_PORT: port } })
}

function inFolder(name: string): string {
  return join(folder.path, name)
}

async function submit(payload: object, options: object = {}): Promise<string> {
  const body = JSON.stringify({ type: 'until', payload, ...options })
  const request = { method: 'POST', headers: { 'content-type': 'application/json' }, body }
  return ((await (await fetch(`${server.url}/api/v1/tasks`, request)).json()) as Task & { id: string }).id
}

async function taskOf(id: string, waitSeconds = 0): Promise<Task> {
  return (await (await fetch(`${server.url}/api/v1/tasks/${id}?waitSeconds=${waitSeconds}`)).json()) as Task
}

function ended(id: string): Promise<Task> {
  return taskOf(id, 60)
}

async function untilRunning(id: string): Promise<void> {
  while ((await taskOf(id)).status !== 'running');
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  return text
}
