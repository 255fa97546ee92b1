// Runs every example of the README as it stands; only ports and the mail server's address are changed.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { examplesOf } from './support/examples.ts'
import { openMailbox } from './support/mailbox.ts'
import { REPOSITORY, type Running, runCommand, temporaryFolder } from './support/taskyard-process.ts'

const [install, build, inProject, start, email, tasks, work, submit, library, python, ...others] = examplesOf(
  join(REPOSITORY, 'README.md'),
)
const processes: Running[] = []
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let mailbox: Awaited<ReturnType<typeof openMailbox>>
let port: number

describe('the README', () => {
  before(async () => {
    folder = await temporaryFolder()
    await symlink(join(REPOSITORY, 'node_modules'), join(folder.path, 'node_modules'))
    await writeFile(join(folder.path, 'package.json'), '{"type":"module"}')
    mailbox = await openMailbox()
    port = await freePort()
    const server = run(start?.text ?? '', REPOSITORY)
    await server.line(/ready at http/)
  })

  after(async () => {
    for (const { child, ended } of processes.toReversed()) {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
      await ended
    }
    await mailbox.close()
    await folder.remove()
  })

  it('npm start serves', async () => {
    assert.equal(install?.text, 'npm start\n')
    assert.match(start?.text ?? '', / npm start\n$/)
    assert.equal((await fetch(`http://127.0.0.1:${port}/ready`)).status, 200)
    assert.equal((await fetch(`http://127.0.0.1:${port}/docs`)).status, 200)
  })

  it('says how to build and install the packages as the guide does, whose test runs that', () => {
    const [fromGuide, installed] = examplesOf(join(REPOSITORY, 'docs/guides/own-project.md'))
    assert.deepEqual([build?.text, inProject?.text], [fromGuide?.text, installed?.text])
  })

  it('the email of the curl example is delivered', async () => {
    const task = JSON.parse(await outputOf(email?.text ?? ''))
    assert.equal(task.status, 'succeeded', JSON.stringify(task.error))
    assert.equal(mailbox.messages.length, 1)
    assert.match(mailbox.messages[0] ?? '', /^Subject: Hello from Taskyard/m)
    assert.ok(mailbox.messages[0]?.includes(task.result.messageId))
  })

  it('the task type runs', async () => {
    await writeFile(join(folder.path, tasks?.note ?? ''), tasks?.text ?? '')
    run(work?.text ?? '')
    assert.match(await outputOf(submit?.text ?? ''), /Hello, Ada!/)
  })

  it('its TypeScript is free of errors in a strict editor', async () => {
    for (const block of [tasks, library]) await writeFile(join(folder.path, block?.note ?? ''), block?.text ?? '')
    const config = { extends: join(REPOSITORY, 'tsconfig.json'), include: ['./*.ts'], exclude: [] }
    await writeFile(join(folder.path, 'tsconfig.json'), JSON.stringify(config))
    const tsc = join(REPOSITORY, 'node_modules/typescript/bin/tsc')
    const { code, stdout } = await runCommand(process.execPath, [tsc, '-p', folder.path]).ended
    assert.equal(code, 0, stdout)
  })

  it('the library example prints its result', async () => {
    await writeFile(join(folder.path, library?.note ?? ''), library?.text ?? '')
    const { code, stdout, stderr } = await runCommand(process.execPath, [library?.note ?? ''], { cwd: folder.path })
      .ended
    assert.equal(stdout, '42\n', stderr)
    assert.equal(code, 0)
  })

  it('the Python worker runs its tasks (needs python3)', async () => {
    await writeFile(join(folder.path, python?.note ?? ''), local(python?.text ?? ''))
    const worker = run(`exec python3 ${python?.note}`)
    const task = { type: 'count-words', payload: { text: 'one two three' } }
    const { id } = (await postTask(task)) as { id: string }
    const ended = await Promise.race([taskOf(id), worker.ended])
    assert.deepEqual((ended as { result?: unknown }).result, { words: 3 }, JSON.stringify(ended))
  })

  it('every example of the README is run here', () => {
    assert.deepEqual(others, [])
  })
})

function run(text: string, cwd = folder.path): Running {
  const running = runCommand('bash', ['-c', local(text)], { cwd, env: environment() })
  processes.push(running)
  return running
}

async function outputOf(text: string): Promise<string> {
  const { code, stdout, stderr } = await run(`set -e\n${text}`).ended
  assert.equal(code, 0, stdout + stderr)
  return stdout
}

/** The text of an example with the addresses of this test, and without npx, which would outlive its own end. */
function local(text: string): string {
  return text
    .replaceAll('127.0.0.1:8080', `127.0.0.1:${port}`)
    .replaceAll('smtp://127.0.0.1:1025', mailbox.url)
    .replaceAll('npx @taskyard/taskyard', `exec ${join(REPOSITORY, 'node_modules/.bin/taskyard')}`)
}

function environment(): Record<string, string> {
  return {
    TASKYARD_PORT: String(port),
    TASKYARD_STORE: `sqlite:${join(folder.path, 'server.db')}`,
    TASKYARD_URL: `http://127.0.0.1:${port}`,
  }
}

async function postTask(task: object): Promise<unknown> {
  const headers = { 'content-type': 'application/json' }
  const request = { method: 'POST', headers, body: JSON.stringify(task) }
  return (await fetch(`http://127.0.0.1:${port}/api/v1/tasks`, request)).json()
}

async function taskOf(id: string): Promise<unknown> {
  return (await fetch(`http://127.0.0.1:${port}/api/v1/tasks/${id}?waitSeconds=20`)).json()
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port: free } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return free
}
