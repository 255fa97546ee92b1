import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Document, useServer } from './support/cli.ts'
import { runTaskyard } from './support/taskyard-process.ts'

const NOBODY = '01a20020-ff03-70d0-a0ca-7526536f14ee'
const { serverUrl, run, runJson } = useServer()

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
    await run(['submit', 'nobody', '{}', '--queue', 'waiting'])
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

describe('taskyard cancel, retry and delete', () => {
  it('work by id, and refuse what the state does not allow with exit code 4', async () => {
    const { id } = await runJson(['submit', 'nobody', '1'])
    assert.equal((await runJson(['cancel', id])).status, 'cancelled')
    const again = await run(['cancel', id])
    assert.equal(again.code, 4)
    assert.match(again.stderr, /is cancelled: only tasks that have not ended/)
    assert.equal((await runJson(['retry', id])).status, 'queued')
    assert.equal((await run(['retry', id])).code, 4)
  })

  it('try each of several ids, and tell what became of each', async () => {
    const [first, last] = [await runJson(['submit', 'nobody', '1']), await runJson(['submit', 'nobody', '2'])]
    const once = await run(['cancel', first.id, 'nope', last.id])
    assert.equal(once.code, 3)
    assert.equal(once.stdout, `${first.id}  cancelled\n${last.id}  cancelled\n`)
    assert.match(once.stderr, /cancel failed for 1 of 3 tasks\n {2}nope: There is no task nope/)
    await run(['retry', first.id])
    const again = await run(['cancel', last.id, first.id, '--json'])
    assert.equal(again.code, 4)
    const { error, results } = JSON.parse(again.stdout)
    assert.equal(error.code, 'not_cancellable')
    assert.deepEqual([results[0].id, results[0].error.code], [last.id, 'not_cancellable'])
    assert.deepEqual([results[1].id, results[1].task.status], [first.id, 'cancelled'])
    const { results: both } = await runJson(['retry', first.id, last.id])
    assert.deepEqual(
      both.map(({ id, task }: Document) => [id, task.status]),
      [first.id, last.id].map((id) => [id, 'queued']),
    )
  })

  it('delete tasks that have ended by id, and refuse others with exit code 4', async () => {
    const { id } = await runJson(['submit', 'nobody', '1'])
    const early = await run(['delete', id])
    assert.equal(early.code, 4)
    assert.match(early.stderr, /is queued: only tasks that have ended can be deleted/)
    await run(['cancel', id])
    const twice = await run(['delete', id, id, '--json'])
    assert.equal(twice.code, 3)
    const { error, results } = JSON.parse(twice.stdout)
    assert.deepEqual([error.code, results[0]], ['task_not_found', { id, deleted: true }])
    assert.deepEqual([results[1].id, results[1].error.code], [id, 'task_not_found'])
    assert.equal((await run(['get', id])).code, 3)
    const other = await runJson(['submit', 'nobody', '1'])
    await run(['cancel', other.id])
    assert.equal((await run(['delete', other.id])).stdout, `${other.id}  deleted\n`)
  })

  it('delete by filter, with --yes where there is no terminal', async () => {
    for (const n of [1, 2, 3]) await run(['submit', 'nobody', `${n}`, '--queue', 'over'])
    await run(['cancel', '--queue', 'over'])
    await run(['submit', 'nobody', '4', '--queue', 'over'])
    assert.deepEqual(await runJson(['delete', '--queue', 'over', '--dry-run']), { matched: 3, dryRun: true })
    const refused = await run(['delete', '--queue', 'over'])
    assert.equal(refused.code, 2)
    assert.match(refused.stderr, /add --yes/)
    assert.equal((await run(['delete', '--queue', 'over', '--yes'])).stdout, '3 tasks deleted\n')
    assert.equal((await runJson(['list', '--queue', 'over', '--status', 'queued,cancelled'])).items.length, 1)
  })

  it('say what status of tasks cannot be deleted', async () => {
    const { code, stderr } = await run(['delete', '--status', 'failed,running', '--yes'])
    assert.equal(code, 2)
    assert.match(stderr, /only tasks that have ended can be deleted: succeeded, failed, cancelled/)
  })

  it('work by filter', async () => {
    for (const n of [1, 2, 3]) await run(['submit', 'nobody', `${n}`, '--queue', 'bulk'])
    assert.deepEqual(await runJson(['cancel', '--queue', 'bulk']), { matched: 3 })
    assert.deepEqual(await runJson(['retry', '--queue', 'bulk', '--status', 'cancelled']), { matched: 3 })
  })

  it('say why no task could match', async () => {
    await run(['submit', 'nobody', '1', '--queue', 'reports'])
    const none = await run(['cancel', '--queue', 'report'])
    assert.deepEqual([none.code, none.stdout], [0, '0 tasks cancelled or asked to stop\n'])
    assert.match(none.stderr, /^there is no queue report; did you mean reports\?$/m)
    const ended = await run(['cancel', '--queue', 'reports', '--status', 'failed', '--dry-run'])
    assert.match(ended.stderr, /^cancel is for tasks that have not ended: blocked, scheduled, queued, running$/m)
    assert.doesNotMatch(ended.stderr, /there is no queue/)
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
    await run(['queues', 'pause', 'in-advance'])
    assert.equal((await run(['queues', 'resume', 'in-advance'])).code, 0)
    assert.equal((await run(['get', id, '--wait', '30'])).code, 0)
  })

  it('are looked at one at a time, and a misspelt queue or command is told', async () => {
    await run(['submit', 'nobody', '{}', '--queue', 'counted'])
    const { stdout } = await run(['queues', 'counted'])
    assert.match(stdout, /^QUEUE +QUEUED +SCHEDULED +RUNNING .*\ncounted +\d+ [^\n]*\n$/)
    assert.equal((await runJson(['queues', 'counted'])).queue, 'counted')
    for (const command of [
      ['queues', 'nope'],
      ['queues', 'resume', 'nope'],
    ]) {
      const { code, stderr } = await run(command)
      assert.equal(code, 3)
      assert.match(stderr, /No task was ever submitted to queue nope/)
    }
    const misspelt = await run(['queues', 'pasue', 'mail'])
    assert.equal(misspelt.code, 2)
    assert.match(misspelt.stderr, /there is no taskyard queues pasue; did you mean pause\?/)
  })

  it('keep showing queues line by line where there is no terminal, until they are told to stop', async () => {
    const watching = runTaskyard(['queues', '--watch', '--interval', '0.2', '--json'], {
      env: { TASKYARD_URL: serverUrl() },
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

  it('show a worker without a session as what it is, with what it asked for and when', async () => {
    await run(['submit', 'remote', '--queue', 'remote'])
    const claim = { workerId: 'sessionless', queues: ['remote'], types: ['remote'], limit: 1, waitSeconds: 30 }
    const request = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(claim) }
    assert.equal((await fetch(`${serverUrl()}/api/v1/leases`, request)).status, 200)
    assert.match((await run(['workers'])).stdout, /^sessionless +no session +1 +remote +- +(now|\d+ s ago) +remote$/m)
  })
})

describe('taskyard types', () => {
  const withTypes = (...types: object[]) => ({ types })

  it('sets, shows and takes away what tasks of a type get by default', async () => {
    assert.match((await run(['types'])).stdout, /^no type has defaults of its own/)
    const set = await run(['types', 'set', 'letter', '--max-attempts', '5', '--timeout', '90s'])
    assert.equal(set.stdout, 'letter: 5 attempts, time-out 1 m 30 s\n')
    const backoff = { kind: 'linear', baseSeconds: 5 }
    const document = { type: 'bill', timeoutSeconds: null, backoff }
    assert.deepEqual(
      await runJson(['types', 'set', 'bill', '--timeout', 'none', '--backoff', JSON.stringify(backoff)]),
      document,
    )
    const letter = { type: 'letter', maxAttempts: 5, timeoutSeconds: 90 }
    assert.deepEqual(await runJson(['types']), withTypes(document, letter))
    assert.equal(
      (await run(['types'])).stdout,
      [
        'TYPE    ATTEMPTS  TIME-OUT  BACKOFF',
        'bill           ·      none  linear 5 s ×2 to 1 h',
        'letter         5  1 m 30 s  ·',
        '',
      ].join('\n'),
    )
    assert.equal((await runJson(['submit', 'letter'])).maxAttempts, 5)
    assert.equal((await runJson(['submit', 'letter', '--max-attempts', '2'])).maxAttempts, 2)
    const deleted = await run(['types', 'delete', 'letter'])
    assert.deepEqual([deleted.stdout, deleted.stderr], ['letter is as every type\n', ''])
    assert.match((await run(['types', 'delete', 'letter'])).stderr, /^letter had no defaults of its own$/m)
    assert.equal((await runJson(['submit', 'letter'])).maxAttempts, 10)
    assert.deepEqual(await runJson(['types']), withTypes(document))
  })

  it('refuse what is wrong, and say what is right', async () => {
    for (const [options, says] of [
      [[], /say what: --max-attempts, --timeout or --backoff; "taskyard types delete letter"/],
      [['--max-attempts', '0'], /Expected a whole number from 1 to 1000/],
      [['--backoff', 'fixed'], /Expected JSON, such as/],
      [['--backoff', '{"kind":"random"}'], /\/backoff\/kind: exponential, linear or fixed/],
    ] as const) {
      const { code, stderr } = await run(['types', 'set', 'letter', ...options])
      assert.equal(code, 2, stderr)
      assert.match(stderr, says)
    }
    assert.match((await run(['types', 'delete', 'a b'])).stderr, /Expected a type: a type has/)
  })
})
