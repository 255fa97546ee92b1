import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir, writeFile } from 'node:fs/promises'
import { createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type RunOptions, runTaskyard, startServerProcess, temporaryFolder } from './support/taskyard-process.ts'

const NOBODY = '01a20020-ff03-70d0-a0ca-7526536f14ee'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let server: Awaited<ReturnType<typeof startServerProcess>>

before(async () => {
  folder = await temporaryFolder()
  server = await startServerProcess({ store: join(folder.path, 'tasks.db') })
})
after(async () => {
  await server.stop()
  await folder.remove()
})

describe('taskyard submit', () => {
  it('says the id and where the task waits', async () => {
    const { code, stdout } = await run(['submit', 'nobody', '{"n":1}', '--queue', 'waiting'])
    assert.equal(code, 0)
    assert.match(stdout, /^[0-9a-f-]{36} {2}queued in waiting\n$/)
  })

  it('prints the task as one document with --json', async () => {
    const task = await runJson([
      'submit',
      'nobody',
      '{"n":1}',
      '--priority',
      '-3',
      '--tag',
      'a',
      '--tag',
      'b',
      '--key',
      'k-1',
    ])
    assert.equal(task.type, 'nobody')
    assert.equal(task.priority, -3)
    assert.deepEqual(task.tags, ['a', 'b'])
    assert.equal(task.idempotencyKey, 'k-1')
  })

  it('adds nothing when it is repeated under the same key', async () => {
    const again = ['submit', 'nobody', '1', '--key', 'k-2']
    assert.equal((await runJson(again)).id, (await runJson(again)).id)
  })

  it('waits and shows the result', async () => {
    const { code, stdout } = await run(['submit', 'uppercase', '{"text":"hello"}', '--wait'])
    assert.equal(code, 0)
    assert.match(stdout, /uppercase {2}succeeded\n[\s\S]*result +\{"result":"HELLO"\}\n$/)
  })

  it('exits 1 when the awaited task fails', async () => {
    const { code, stdout } = await run(['submit', 'test', '{"fail":true,"retryable":false}', '--wait'])
    assert.equal(code, 1)
    assert.match(stdout, /test {2}failed\n[\s\S]*error +test_failure: /)
  })

  it('exits 6 when the task has not ended in time', async () => {
    const { code, stderr } = await run(['submit', 'nobody', 'null', '--wait', '0.2'])
    assert.equal(code, 6)
    assert.match(stderr, /is still queued after 0\.2 s/)
  })

  it('reads the payload from standard input and from a file', async () => {
    const piped = await runJson(['submit', 'nobody', '-'], { stdin: '{"from":"stdin"}' })
    assert.deepEqual(piped.payload, { from: 'stdin' })
    const file = join(folder.path, 'payload.json')
    await writeFile(file, '{"from":"file"}')
    assert.deepEqual((await runJson(['submit', 'nobody', `@${file}`])).payload, { from: 'file' })
  })

  it('keeps every digit of a number, there and back', async () => {
    const { id } = await runJson(['submit', 'nobody', '{"n":12345678901234567890,"__proto__":1.0}'])
    const { stdout } = await run(['get', id, '--json'])
    assert.ok(stdout.includes('"payload":{"n":12345678901234567890,"__proto__":1.0}'), stdout)
  })

  it('refuses a payload that is not JSON, exit code 2', async () => {
    const { code, stderr, stdout } = await run(['submit', 'nobody', 'hello'])
    assert.equal(code, 2)
    assert.equal(stdout, '')
    assert.match(stderr, /^error: the payload is not JSON: .*Quote it for the shell/)
  })

  it('says which field of a payload is wrong, exit code 2', async () => {
    const { code, stderr } = await run(['submit', 'email', '{"to":"ada@example.com"}'])
    assert.equal(code, 2)
    assert.match(stderr, /payload/)
  })

  it('refuses a missing type and a bad option, exit code 2', async () => {
    assert.equal((await run(['submit'])).code, 2)
    assert.equal((await run(['submit', 'nobody', '--priority', 'high'])).code, 2)
  })
})

describe('taskyard submit --batch', () => {
  it('submits every line of a file', async () => {
    const file = join(folder.path, 'tasks.ndjson')
    const lines = Array.from({ length: 1500 }, (_, n) => JSON.stringify({ type: 'nobody', payload: n, queue: 'batch' }))
    await writeFile(file, `${lines.join('\n')}\n\n`)
    const { submitted, ids } = await runJson(['submit', '--batch', file])
    assert.equal(submitted, 1500)
    assert.equal(new Set(ids).size, 1500)
  })

  it('says which lines were refused and why, and what is in', async () => {
    const good = '{"payload":1}\n'.repeat(1000)
    const { code, stderr } = await run(['submit', 'nobody', '--batch', '-'], {
      stdin: `${good}{"payload":2}\n{"priority":"x"}\n`,
    })
    assert.equal(code, 2)
    assert.match(stderr, /lines 1001 to 1002 were refused; 1000 tasks before them were submitted\n {2}.*line 1002/)
  })

  it('adds nothing twice when it is run again under the same key', async () => {
    const stdin = '{"type":"nobody","payload":1}\n{"type":"nobody","payload":2}\n'
    const first = await runJson(['submit', '--batch', '-', '--key', 'import-7'], { stdin })
    const more = `${stdin}{"type":"nobody","payload":3}\n`
    const second = await runJson(['submit', '--batch', '-', '--key', 'import-7'], { stdin: more })
    assert.deepEqual(second.ids.slice(0, 2), first.ids)
    assert.equal(second.ids.length, 3)
  })

  it('refuses a line that is no task', async () => {
    const { code, stderr } = await run(['submit', '--batch', '-'], { stdin: '{"type":"nobody"}\n[1]\n' })
    assert.equal(code, 2)
    assert.match(stderr, /line 2 is not a task/)
  })
})

describe('taskyard get, list and events', () => {
  it('show what is wrong with an unknown id, exit code 3', async () => {
    const { code, stderr } = await run(['get', NOBODY])
    assert.equal(code, 3)
    assert.match(stderr, /^error: There is no task 01a20020/)
    const failed = await run(['get', NOBODY, '--json'])
    assert.equal(JSON.parse(failed.stdout).error.code, 'task_not_found')
  })

  it('list tasks by filter, page by page', async () => {
    for (const n of [1, 2, 3]) await run(['submit', 'nobody', `${n}`, '--tag', 'paged'])
    const first = await runJson(['list', '--tag', 'paged', '--limit', '2'])
    const second = await runJson(['list', '--tag', 'paged', '--limit', '2', '--cursor', first.nextCursor])
    assert.deepEqual(
      [...first.items, ...second.items].map(({ payload }: Document) => payload),
      [3, 2, 1],
    )
  })

  it('list tasks as a table for people', async () => {
    const { stdout } = await run(['list', '--queue', 'waiting', '--created-after', '1h'])
    assert.match(
      stdout,
      /^ID +STATUS +TYPE +QUEUE +ATTEMPT +CREATED\n[0-9a-f-]{36} {2}queued {2}nobody {2}waiting +0\/10 /,
    )
    assert.doesNotMatch(stdout, / \n/)
  })

  it('show the history of a task', async () => {
    const { id } = await runJson(['submit', 'test', '{"log":["a line"]}', '--wait'])
    const { events } = await runJson(['events', id])
    const kinds = events.map(({ kind }: Document) => kind)
    assert.equal(kinds[0], 'submitted')
    assert.equal(kinds.at(-1), 'succeeded')
    assert.match((await run(['logs', id])).stdout, /log +a line\n/)
  })

  it('follow the history until the task has ended', async () => {
    const { id } = await runJson(['submit', 'test', '{"delayMs":300}'])
    const { code, stdout } = await run(['events', id, '--follow', '--json'])
    assert.equal(code, 0)
    const documents = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.equal(documents.at(-1).kind, 'succeeded')
  })
})

describe('taskyard cancel and retry', () => {
  it('work by id, and refuse what the state does not allow with exit code 4', async () => {
    const { id } = await runJson(['submit', 'nobody', '1'])
    assert.equal((await runJson(['cancel', id])).status, 'cancelled')
    const again = await run(['cancel', id])
    assert.equal(again.code, 4)
    assert.match(again.stderr, /is cancelled: only tasks that have not ended/)
    assert.equal((await runJson(['retry', id])).status, 'queued')
    assert.equal((await run(['retry', id])).code, 4)
  })

  it('work by filter', async () => {
    for (const n of [1, 2, 3]) await run(['submit', 'nobody', `${n}`, '--queue', 'bulk'])
    assert.deepEqual(await runJson(['cancel', '--queue', 'bulk']), { matched: 3 })
    assert.deepEqual(await runJson(['retry', '--queue', 'bulk', '--status', 'cancelled']), { matched: 3 })
  })

  it('refuse to mean every task, exit code 2', async () => {
    const { code, stderr } = await run(['cancel'])
    assert.equal(code, 2)
    assert.match(stderr, /say which tasks to cancel/)
  })
})

describe('taskyard queues and workers', () => {
  it('show each queue with its counts', async () => {
    await run(['submit', 'nobody', '1', '--queue', 'counted'])
    const { queues } = await runJson(['queues'])
    assert.equal(queues.find(({ queue }: Document) => queue === 'counted').counts.queued, 1)
    assert.match((await run(['queues'])).stdout, /^QUEUE +QUEUED .*TASKS\/S\n[\s\S]*counted +1 /)
  })

  it('pause and resume a queue', async () => {
    assert.deepEqual(await runJson(['queues', 'pause', 'default']), { queue: 'default', paused: true })
    const { id } = await runJson(['submit', 'uppercase', '{"text":"a"}'])
    assert.equal((await run(['get', id, '--wait', '0.3'])).code, 6)
    assert.equal((await run(['queues', 'resume', 'default'])).code, 0)
    assert.equal((await run(['get', id, '--wait', '30'])).code, 0)
  })

  it('keep showing queues line by line where there is no terminal, until they are told to stop', async () => {
    const watching = runTaskyard(['queues', '--watch', '--interval', '0.2', '--json'], {
      env: { TASKYARD_URL: server.url },
    })
    await watching.line(/\n.*"queues".*\n/)
    const { code, stdout } = await watching.stop('SIGINT')
    assert.equal(code, 0)
    for (const line of stdout.trim().split('\n')) assert.ok(Array.isArray(JSON.parse(line).queues))
  })

  it('show the embedded worker', async () => {
    const { workers } = await runJson(['workers'])
    assert.equal(workers[0].embedded, true)
    assert.match((await run(['workers'])).stdout, /embedded/)
  })
})

describe('taskyard work', () => {
  it('runs the handlers of a module, says what happens and drains at SIGTERM', async () => {
    const file = join(folder.path, 'my-tasks.ts')
    await writeFile(
      file,
      'export default { greet: (task: any) => `Hello ${task.payload}`, bad: () => { throw new Error("no") } }',
    )
    const worker = runTaskyard(['work', file], { env: { TASKYARD_URL: server.url } })
    await worker.line(/working on greet, bad from default/)
    const task = await runJson(['submit', 'greet', '"Ada"', '--wait'])
    assert.equal(task.result, 'Hello Ada')
    assert.equal((await run(['submit', 'bad', '--max-attempts', '1', '--wait'])).code, 1)
    const { code, stdout } = await worker.stop('SIGTERM')
    assert.equal(code, 0)
    assert.match(stdout, new RegExp(`▸ greet  ${task.id}\\n(.*\\n)*.*✔ greet  ${task.id}`))
    assert.match(stdout, /✘ bad .* no /)
    assert.match(stdout, /stopped after 2 tasks/)
  })

  it('says that a task was cancelled under its hands', async () => {
    const file = join(folder.path, 'slow.ts')
    await writeFile(
      file,
      'export const tasks = { slow: (_: any, { signal }: any) => new Promise((_, no) => signal.addEventListener("abort", () => no(signal.reason))) }',
    )
    const worker = runTaskyard(['work', file], { env: { TASKYARD_URL: server.url } })
    const { id } = await runJson(['submit', 'slow'])
    await worker.line(/▸ slow/)
    await runJson(['cancel', id])
    await worker.line(/■ slow .* cancelled/)
    assert.equal((await runJson(['list', '--type', 'slow'])).items[0].status, 'cancelled')
    await worker.stop()
  })

  it('takes handlers from an export called tasks', async () => {
    const file = join(folder.path, 'named.js')
    await writeFile(file, 'export const tasks = { "say-name": () => "named" }')
    const worker = runTaskyard(['work', file, '--json', '--queues', 'names'], { env: { TASKYARD_URL: server.url } })
    await worker.line(/"event":"ready"/)
    assert.equal((await runJson(['submit', 'say-name', '--queue', 'names', '--wait'])).result, 'named')
    await worker.stop()
  })

  it('says what is wrong with a module, exit code 2', async () => {
    const empty = join(folder.path, 'empty.ts')
    await writeFile(empty, 'export const tasks = {}')
    const [missing, useless] = await Promise.all([run(['work', './nowhere.ts']), run(['work', empty])])
    assert.equal(missing.code, 2)
    assert.match(missing.stderr, /there is no file .*nowhere\.ts/)
    assert.equal(useless.code, 2)
    assert.match(useless.stderr, /exports no handlers\. Export an object of functions/)
  })
})

describe('a restart of the server', () => {
  it('is waited out by those who wait, follow and work', async () => {
    const store = join(folder.path, 'restarted.db')
    const first = await startServerProcess({ store })
    const again = { store, env: { TASKYARD_PORT: new URL(first.url).port } }
    const env = { TASKYARD_URL: first.url }
    const file = join(folder.path, 'patient.ts')
    await writeFile(file, 'export const tasks = { patient: () => "done" }')
    const worker = runTaskyard(['work', file, '--queues', 'patient'], { env })
    await worker.line(/working on/)
    const command = ['submit', 'patient', '1', '--queue', 'patient', '--delay', '2', '--wait', '--json']
    const waiting = runTaskyard(command, { env })
    let id: string | undefined
    while (id === undefined) id = (await runJson(['list', '--queue', 'patient'], { env })).items[0]?.id
    const following = runTaskyard(['events', id, '--follow'], { env })
    await following.line(/submitted/)
    assert.equal((await first.stop('SIGTERM')).code, 0)
    const second = await startServerProcess(again)
    const [waited, followed] = await Promise.all([waiting.ended, following.ended])
    assert.equal(waited.code, 0, waited.stderr)
    assert.equal(JSON.parse(waited.stdout).result, 'done')
    assert.match(followed.stdout, /succeeded/)
    assert.equal((await worker.stop()).code, 0)
    await second.stop()
  })
})

describe('taskyard migrate', () => {
  it('creates a store, and is done when it is up to date', async () => {
    const store = `sqlite:${join(folder.path, 'migrated.db')}`
    const created = await runJson(['migrate', '--store', store])
    assert.equal(created.from, 0)
    assert.deepEqual(await runJson(['migrate', '--store', store]), { ...created, from: created.to })
  })

  it('refuses a store that a server uses', async () => {
    const { code, stderr } = await run(['migrate', '--store', `sqlite:${join(folder.path, 'tasks.db')}`])
    assert.equal(code, 1)
    assert.match(stderr, /in use by another Taskyard server/)
  })
})

describe('taskyard doctor', () => {
  it('finds nothing wrong with a good set-up beside its server', async () => {
    const env = { TASKYARD_STORE: `sqlite:${join(folder.path, 'tasks.db')}`, TASKYARD_PORT: '0' }
    const { code, stdout } = await run(['doctor'], { env })
    assert.equal(code, 0, stdout)
    assert.match(stdout, /✔ store .* is in use by a running server/)
    assert.match(stdout, /✔ server .* is ready/)
  })

  it('says what is wrong and what to do, exit code 1', async () => {
    const deaf = createTcpServer((socket) => socket.end('554 go away\r\n')).listen(0, '127.0.0.1')
    await once(deaf, 'listening')
    const { port } = deaf.address() as { port: number }
    const broken = join(folder.path, 'broken.db')
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

  it('leaves nothing beside the store', async () => {
    const place = join(folder.path, 'inspected')
    const store = `sqlite:${join(place, 'tasks.db')}`
    await run(['migrate', '--store', store])
    const { stdout } = await run(['doctor'], { env: { TASKYARD_STORE: store, TASKYARD_PORT: '0' } })
    assert.match(stdout, /✔ store .* is whole/)
    assert.deepEqual(await readdir(place), ['tasks.db'])
  })

  it('creates nothing', async () => {
    const store = join(folder.path, 'not-yet.db')
    assert.equal((await run(['doctor'], { env: { TASKYARD_STORE: `sqlite:${store}`, TASKYARD_PORT: '0' } })).code, 0)
    assert.equal((await runJson(['migrate', '--store', `sqlite:${store}`])).from, 0)
  })

  it('reports a wrong configuration as its finding', async () => {
    const { code, stdout } = await run(['doctor'], { env: { TASKYARD_PORT: 'x' } })
    assert.equal(code, 1)
    assert.match(stdout, /✘ configuration +TASKYARD_PORT is "x"/)
  })
})

describe('the command line', () => {
  it('exits 5 and says what to do when no server answers', async () => {
    const { code, stdout, stderr } = await run(['queues', '--json'], { env: { TASKYARD_URL: 'http://127.0.0.1:9' } })
    assert.equal(code, 5)
    assert.equal(JSON.parse(stdout).error.code, 'connection_failed')
    assert.match(stderr, /Start one with: taskyard start/)
  })

  it('suggests the command that was meant, exit code 2', async () => {
    const { code, stderr } = await run(['sumbit'])
    assert.equal(code, 2)
    assert.match(stderr, /Did you mean submit\?/)
  })

  it('prints a document on stdout even for a usage error with --json', async () => {
    const { code, stdout } = await run(['list', '--status', 'done', '--json'])
    assert.equal(code, 2)
    assert.equal(JSON.parse(stdout).error.code, 'usage')
  })

  it('has help with examples for every command', async () => {
    const { code, stdout } = await run(['--help'])
    assert.equal(code, 0)
    for (const name of ['start', 'work', 'submit', 'get', 'list', 'cancel', 'retry', 'queues', 'migrate', 'doctor']) {
      assert.match(stdout, new RegExp(`\\n  ${name} `))
    }
    assert.match((await run(['submit', '--help'])).stdout, /Examples:\n {2}taskyard submit email/)
  })

  it('shows its help when it is called without a command, exit code 2', async () => {
    const { code, stderr } = await run([])
    assert.equal(code, 2)
    assert.match(stderr, /Usage: taskyard/)
  })

  it('says its version', async () => assert.match((await run(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/))

  it('uses no colours where there is no terminal, and does when forced to', async () => {
    assert.ok(!(await run(['queues'])).stdout.includes('\u001b['))
    assert.ok((await run(['queues'], { env: { FORCE_COLOR: '1' } })).stdout.includes('\u001b['))
  })
})

// biome-ignore lint/suspicious/noExplicitAny: the tests look at documents as any program would
type Document = any

function run(commandLine: readonly string[], { env, ...options }: RunOptions = {}) {
  return runTaskyard(commandLine, { ...options, env: { TASKYARD_URL: server.url, ...env } }).ended
}

async function runJson(commandLine: readonly string[], options?: RunOptions): Promise<Document> {
  const { code, stdout, stderr } = await run([...commandLine, '--json'], options)
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout)
}
