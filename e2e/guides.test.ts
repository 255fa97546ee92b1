// Runs the examples of the guides and operations pages as a reader would: every block, in order, in a folder of its own.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type Example, examplesOf } from './support/examples.ts'
import { REPOSITORY, type Running, runCommand, runTaskyard, temporaryFolder } from './support/taskyard-process.ts'

const TASKYARD = join(REPOSITORY, 'node_modules/.bin/taskyard')

describe('getting started', () => {
  const blocks = examplesOf(join(REPOSITORY, 'docs/guides/getting-started.md'))
  const world = useServer()

  it('starts the server as the README does', () => {
    assert.equal(blocks.find(({ note }) => note === 'server')?.text, 'npm start\n')
  })

  runsEvery(blocks, world)

  it('submits one task under the same key', async () => {
    const answer = await fetch(`${world.url}/api/v1/tasks?limit=200`)
    const { items } = (await answer.json()) as { items: { idempotencyKey: string | null }[] }
    assert.equal(items.filter(({ idempotencyKey }) => idempotencyKey === 'order-7').length, 1)
  })
})

describe('a worker in another language (needs python3)', () => {
  const blocks = examplesOf(join(REPOSITORY, 'docs/guides/http-worker.md'))
  let worker: Running
  // Before its server, which it would wait for.
  after(async () => assert.equal((await worker.stop()).code, 0))
  const world = useServer()

  before(async () => {
    const program = blocks.find(({ language }) => language === 'python')
    await writeFile(join(world.folder, program?.note ?? ''), program?.text ?? '')
    worker = shell(blocks.find(({ note }) => note === 'worker')?.text ?? '', world)
    await Promise.race([once(worker.child, 'spawn'), worker.ended])
  })

  runsEvery(blocks, world)
})

describe('operating SQLite', () => {
  const blocks = examplesOf(join(REPOSITORY, 'docs/operations/sqlite.md'))
  const block = (name: string) => blocks.find(({ note }) => note === name)?.text ?? assert.fail(`no block ${name}`)
  const world = useFolder()

  it('brings tasks back from a backup, after the file was damaged', async () => {
    const first = await startServer(world.folder)
    world.url = first.url
    const { id } = await submitDelayed(first.url)
    const backup = await shell(block('backup'), world).ended
    assert.equal(backup.code, 0, backup.stderr)
    assert.equal((await first.stop()).code, 0)

    await writeFile(join(world.folder, 'data/taskyard.db'), 'not a database at all, whatever its name says')
    const refused = await runTaskyard(['start'], { cwd: world.folder, env: { TASKYARD_PORT: '0' } }).ended
    assert.notEqual(refused.code, 0)
    assert.match(refused.stderr, /is damaged/)

    assert.equal((await shell(block('restore'), world).ended).code, 0)
    const second = await startServer(world.folder)
    const task = await fetch(`${second.url}/api/v1/tasks/${id}`)
    assert.equal(task.status, 200)
    assert.equal(((await task.json()) as { status: string }).status, 'scheduled')
    await second.stop()
  })
})

describe('full queues and poisoned tasks', () => {
  runsEvery(examplesOf(join(REPOSITORY, 'docs/operations/full-queues-and-poisoned-tasks.md')), useServer())
})

interface World {
  folder: string
  url: string
}

/** One test for each block of shell that is not started in the background. */
function runsEvery(blocks: readonly Example[], world: World): void {
  for (const { language, note, text } of blocks) {
    if (language !== 'sh' || note === 'server' || note === 'worker') continue
    it(`runs: ${text.trim().split('\n').at(-1)}`, async () => {
      const { code, stdout, stderr } = await shell(text, world).ended
      assert.equal(code, note === 'exits 1' ? 1 : 0, stdout + stderr)
    })
  }
}

function useFolder(): World {
  const world: World = { folder: '', url: '' }
  let remove: () => Promise<void>
  before(async () => {
    const folder = await temporaryFolder()
    remove = () => folder.remove()
    world.folder = folder.path
    await symlink(join(REPOSITORY, 'node_modules'), join(folder.path, 'node_modules'))
  })
  after(() => remove())
  return world
}

function useServer(): World {
  const world = useFolder()
  let server: Awaited<ReturnType<typeof startServer>>
  before(async () => {
    server = await startServer(world.folder)
    world.url = server.url
  })
  after(() => server.stop())
  return world
}

async function startServer(folder: string): Promise<Running & { readonly url: string }> {
  const running = runTaskyard(['start'], { cwd: folder, env: { TASKYARD_PORT: '0' } })
  const [, url = ''] = await running.line(/ready at (http\S+)/)
  return { ...running, url }
}

function shell(text: string, { folder, url }: World): Running {
  const here = text
    .replaceAll('npx @taskyard/taskyard', TASKYARD)
    .replace(/^python3/m, 'exec python3')
    .replaceAll('http://127.0.0.1:8080', url)
  const script = `set -e\n${here}`
  return runCommand('bash', ['-c', script], { cwd: folder, env: url === '' ? {} : { TASKYARD_URL: url } })
}

async function submitDelayed(url: string): Promise<{ id: string }> {
  const body = JSON.stringify({ type: 'uppercase', payload: 'x', delaySeconds: 3600 })
  const request = { method: 'POST', headers: { 'content-type': 'application/json' }, body }
  return (await (await fetch(`${url}/api/v1/tasks`, request)).json()) as { id: string }
}
