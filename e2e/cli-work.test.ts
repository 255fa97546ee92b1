import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { useServer } from './support/cli.ts'
import { runTaskyard, startServerProcess } from './support/taskyard-process.ts'

const { inFolder, serverUrl, run, runJson } = useServer()

describe('taskyard work', () => {
  it('runs the handlers of a module, says what happens and drains at SIGTERM', async () => {
    const file = inFolder('my-tasks.ts')
    await writeFile(
      file,
      'export default { greet: (task: any) => `Hello ${task.payload}`, bad: () => { throw new Error("no") } }',
    )
    const worker = runTaskyard(['work', file], { env: { TASKYARD_URL: serverUrl() } })
    await worker.line(/working on greet, bad from default/)
    const task = await runJson(['submit', 'greet', '"Ada"', '--wait'])
    assert.equal(task.result, 'Hello Ada')
    assert.equal((await run(['submit', 'bad', '--max-attempts', '1', '--wait'])).code, 1)
    const { code, stdout } = await worker.stop('SIGTERM')
    assert.equal(code, 0)
    assert.match(stdout, new RegExp(`▸ greet  ${task.id}\\n(.*\\n)*.*✔ greet  ${task.id}`))
    assert.match(stdout, /✘ bad .* no .*\n +at bad \(.*my-tasks\.ts:1:\d+\)\n\S/)
    assert.match(stdout, /stopped after 2 tasks/)
  })

  it('says that a task was cancelled under its hands', async () => {
    const file = inFolder('slow.ts')
    await writeFile(
      file,
      'export const tasks = { slow: (_: any, { signal }: any) => new Promise((_, no) => signal.addEventListener("abort", () => no(signal.reason))) }',
    )
    const worker = runTaskyard(['work', file], { env: { TASKYARD_URL: serverUrl() } })
    const { id } = await runJson(['submit', 'slow'])
    await worker.line(/▸ slow/)
    await runJson(['cancel', id])
    await worker.line(/■ slow .* cancelled/)
    assert.equal((await runJson(['list', '--type', 'slow'])).items[0].status, 'cancelled')
    await worker.stop()
  })

  it('says of a failure whether there will be another attempt, when, and what failed', async () => {
    const file = inFolder('failures.ts')
    await writeFile(
      file,
      `const refuse = () => { throw Object.assign(new Error('nothing to charge'), { name: 'TaskFailure', code: 'bad_amount', retryable: false, retryDelaySeconds: null }) }
      export default { charge: refuse, flaky: () => { throw new Error('not yet') } }`,
    )
    const worker = runTaskyard(['work', file, '--queues', 'fates'], { env: { TASKYARD_URL: serverUrl() } })
    const json = runTaskyard(['work', file, '--queues', 'fates-json', '--json'], { env: { TASKYARD_URL: serverUrl() } })
    for (const queue of ['fates', 'fates-json']) {
      await run(['submit', 'charge', '--queue', queue])
      await run(['submit', 'flaky', '--queue', queue])
    }
    await worker.line(/✘ charge {2}\S+ {2}bad_amount: nothing to charge {2}\d+ ms {2}failed for good$/m)
    await worker.line(/✘ flaky {2}\S+ {2}not yet {2}\d+ ms {2}attempt 2 of 10 (now|in \d+ m?s)/)
    const [final, again] = await Promise.all(
      ['charge', 'flaky'].map(async (type) => {
        const [line] = await json.line(new RegExp(`^.*"event":"failed".*"type":"${type}".*$`, 'm'))
        return JSON.parse(line)
      }),
    )
    assert.deepEqual([final.code, final.taskStatus, final.runAt], ['bad_amount', 'failed', null])
    // A wait that was drawn to be hardly any is over by then.
    assert.match(again.taskStatus, /^(scheduled|queued)$/)
    assert.ok(again.taskStatus === 'queued' || Date.parse(again.runAt) > 0)
    await Promise.all([worker.stop(), json.stop()])
  })

  it('says what became of a task, not that its handler returned', async () => {
    const file = inFolder('returns.ts')
    await writeFile(
      file,
      `export default {
        large: () => 'x'.repeat(2_000_000),
        odd: () => 1n,
        stubborn: (_: any, { signal }: any) => new Promise((yes) => signal.addEventListener('abort', () => yes('half'))),
      }`,
    )
    const worker = runTaskyard(['work', file, '--queues', 'ends'], { env: { TASKYARD_URL: serverUrl() } })
    const submit = (type: string, ...more: string[]) =>
      run(['submit', type, '--queue', 'ends', '--max-attempts', '1', ...more])
    await Promise.all([submit('large'), submit('odd'), submit('stubborn', '--timeout', '0.2')])
    await worker.line(/✘ large .* The result is 2000002 bytes of JSON/)
    await worker.line(/✘ odd .* has no JSON form/)
    await worker.line(/■ stubborn .* timeout/)
    const { stdout } = await worker.stop()
    assert.doesNotMatch(stdout, /✔/)
    assert.match(stdout, /stopped after 3 tasks/)
  })

  it('takes handlers from an export called tasks', async () => {
    const file = inFolder('named.js')
    await writeFile(file, 'export const tasks = { "say-name": () => "named" }')
    const worker = runTaskyard(['work', file, '--json', '--queues', 'names'], { env: { TASKYARD_URL: serverUrl() } })
    await worker.line(/"event":"ready"/)
    assert.equal((await runJson(['submit', 'say-name', '--queue', 'names', '--wait'])).result, 'named')
    await worker.stop()
  })

  it('says what is wrong with a module, exit code 2', async () => {
    const empty = inFolder('empty.ts')
    await writeFile(empty, 'export const tasks = {}')
    const [missing, useless] = await Promise.all([run(['work', './nowhere.ts']), run(['work', empty])])
    assert.equal(missing.code, 2)
    assert.match(missing.stderr, /there is no file .*nowhere\.ts/)
    assert.equal(useless.code, 2)
    assert.match(useless.stderr, /exports no handlers\. Export an object of functions/)
    const broken = inFolder('broken.mjs')
    await writeFile(broken, 'export default {')
    const unreadable = await run(['work', broken])
    assert.equal(unreadable.code, 2)
    assert.match(unreadable.stderr, /broken\.mjs cannot be loaded: Unexpected end of input\n$/)
  })

  for (const [what, text, words] of [
    ['an enum', 'export enum Colour { red }', /:1: an enum cannot be left out as types are: write erasable TypeScript/],
    [
      'an import without extension',
      "import './unloadable'",
      /imports \.\/unloadable: give the whole name, \.\/unloadable\.ts$/m,
    ],
    ['an import of nothing', "import './void.ts'", /imports \.\/void\.ts, which is not there$/m],
    ['an absent package', "import 'no-such-package'", /imports the package no-such-package, which is not installed/],
    [
      'an error',
      "throw new Error('no DATABASE_URL')",
      /cannot be loaded: no DATABASE_URL\n +at .*unloadable\.ts:1:\d+\)?\n$/,
    ],
  ] as const) {
    it(`says in words of its author that a module has ${what}, exit code 2`, async () => {
      const file = inFolder('unloadable.ts')
      await writeFile(file, text)
      const { code, stderr } = await run(['work', file])
      assert.equal(code, 2)
      assert.match(stderr, words)
      assert.doesNotMatch(stderr, /node:|SyntaxError/)
    })
  }

  it('says that it works once it has reached the server', async () => {
    const file = inFolder('early.ts')
    await writeFile(file, 'export const tasks = { early: () => "done" }')
    const early = await startServerProcess({ store: inFolder('early.db') })
    const address = new URL(early.url)
    await early.stop()
    const worker = runTaskyard(['work', file], { env: { TASKYARD_URL: early.url } })
    await worker.line(/! starting: .* cannot be reached/)
    const server = await startServerProcess({ store: inFolder('early.db'), env: { TASKYARD_PORT: address.port } })
    await worker.line(/working on early/)
    const { code, stdout } = await worker.stop()
    assert.equal(code, 0)
    assert.ok(stdout.indexOf('cannot be reached') < stdout.indexOf('working on early'), stdout)
    await server.stop()
  })

  for (const [what, text] of [
    ['one function', 'export default async function resize(task) {}'],
    ['one class', 'export default class Resize { run() {} }'],
    ['one arrow function', 'export default () => 1'],
  ] as const) {
    it(`takes no module whose default export is ${what} for handlers of a type called default`, async () => {
      const file = inFolder('nameless.mjs')
      await writeFile(file, text)
      const { code, stderr } = await run(['work', file])
      assert.equal(code, 2)
      assert.match(stderr, /is one function or class, and no task type goes with it\. Export an object/)
    })
  }

  it('names the task that left an unhandled error behind, fails it, and hands the others back', async () => {
    const file = inFolder('careless.mjs')
    await writeFile(
      file,
      `export const tasks = {
        innocent: (_, { signal }) => new Promise((_, no) => signal.addEventListener('abort', () => no(signal.reason))),
        careless: () => {
          void (async () => { await null; throw new Error('nobody awaits me') })()
          return new Promise(() => {})
        },
      }`,
    )
    const worker = runTaskyard(['work', file, '--queues', 'careless'], { env: { TASKYARD_URL: serverUrl() } })
    const innocent = await runJson(['submit', 'innocent', '--queue', 'careless'])
    await worker.line(/▸ innocent/)
    const careless = await runJson(['submit', 'careless', '--queue', 'careless', '--max-attempts', '1'])
    const { code, stdout } = await worker.ended
    assert.equal(code, 1)
    assert.match(
      stdout,
      new RegExp(`✘ careless  ${careless.id}  left an error behind; the worker ends\nError: nobody awaits me\n`),
    )
    const after = await runJson(['get', careless.id])
    assert.deepEqual([after.status, after.error.message, after.crashes], ['failed', 'nobody awaits me', 0])
    const given = await runJson(['get', innocent.id])
    assert.deepEqual([given.status, given.attempt, given.crashes], ['queued', 0, 0])
  })

  it('names the tasks that ran when a handler ends the process', async () => {
    const file = inFolder('exits.mjs')
    await writeFile(file, 'export const tasks = { done: () => 1, exits: async () => { await null; process.exit(3) } }')
    const worker = runTaskyard(['work', file, '--queues', 'exits'], { env: { TASKYARD_URL: serverUrl() } })
    await runJson(['submit', 'done', '--queue', 'exits', '--wait'])
    const { id } = await runJson(['submit', 'exits', '--queue', 'exits'])
    const { code, stderr } = await worker.ended
    assert.deepEqual([code, stderr], [3, `the process has ended while it ran exits ${id}\n`])
  })
})

describe('a restart of the server', () => {
  it('is waited out by those who wait, follow and work', async () => {
    const store = inFolder('restarted.db')
    const first = await startServerProcess({ store })
    const again = { store, env: { TASKYARD_PORT: new URL(first.url).port } }
    const env = { TASKYARD_URL: first.url }
    const file = inFolder('patient.ts')
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
