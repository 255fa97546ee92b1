import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { useServer } from './support/cli.ts'

const { inFolder, run, runJson } = useServer()

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
    const first = await runJson(again)
    assert.equal(first.replayed, undefined)
    const { id, replayed } = await runJson(again)
    assert.deepEqual([id, replayed], [first.id, true])
    assert.match((await run(again)).stdout, /queued in default, already submitted under this key: nothing was added\n$/)
    const other = await run(['submit', 'nobody', '2', '--key', 'k-2'])
    assert.deepEqual([other.code, /used for another task/.test(other.stderr)], [2, true])
    const wrong = await run(['submit', 'email', '{}', '--key', 'k-3'])
    assert.match(wrong.stderr, /is wrong: \/payload/)
  })

  it('says of a batch that is submitted again that nothing was added', async () => {
    const file = inFolder('again.ndjson')
    await writeFile(file, '{"type":"nobody","payload":1}\n{"type":"nobody","payload":2}\n')
    const batch = ['submit', '--batch', file, '--key', 'again']
    assert.equal((await run(batch)).stdout, 'submitted 2 tasks\n')
    const second = await run(batch)
    assert.equal(second.stdout, 'submitted 0 tasks; 2 tasks had been submitted before under the same keys\n')
  })

  it('takes --wait before the type, and times with a unit', async () => {
    const { code, stdout } = await run(['submit', '--wait', 'uppercase', '{"text":"x"}'])
    assert.deepEqual([code, /"X"/.test(stdout)], [0, true])
    const { runAt, createdAt } = await runJson(['submit', 'nobody', '--delay', '5m'])
    assert.equal(Date.parse(runAt) - Date.parse(createdAt), 300_000)
    assert.equal((await run(['submit', 'nobody', '-w', '0.2s'])).code, 6)
  })

  it('says which option is meant by the word of another queue', async () => {
    for (const [option, meant] of [
      ['--attempts', '--max-attempts'],
      ['--retries', '--max-attempts'],
      ['--countdown', '--delay'],
      ['--at', '--run-at'],
      ['--eta', '--run-at'],
      ['--job-id', '--key'],
      ['--max-attempt', '--max-attempts'],
    ] as const) {
      const { code, stderr } = await run(['submit', 'nobody', '1', option, '3'])
      assert.deepEqual([code, stderr.split('\n')[1]], [2, `(Did you mean ${meant}?)`], stderr)
    }
    const { stdout } = await run(['submit', 'nobody', '--attempts', '3', '--json'])
    assert.match(JSON.parse(stdout).error.message, /unknown option '--attempts'\n\(Did you mean --max-attempts\?\)$/)
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
    assert.match(stderr, /is still queued after 0\.2 s: no known worker takes type nobody/)
  })

  it('gives programs the id, the status and the reasons of a task that has not ended in time', async () => {
    const { code, stdout } = await run(['submit', 'nobody', 'null', '--wait', '0.2', '--json'])
    assert.equal(code, 6)
    const { error } = JSON.parse(stdout)
    assert.equal(error.message.includes(error.taskId), true)
    assert.deepEqual([error.code, error.status, error.reasons[0].code], ['timed_out', 'queued', 'no_worker'])
  })

  it('reads the payload from standard input and from a file', async () => {
    const piped = await runJson(['submit', 'nobody', '-'], { stdin: '{"from":"stdin"}' })
    assert.deepEqual(piped.payload, { from: 'stdin' })
    const file = inFolder('payload.json')
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
    const { code, stderr } = await run(['submit', 'nobody', '--queue', '_x'])
    assert.equal(code, 2)
    assert.match(stderr, /starting with a letter or digit/)
  })
})

describe('taskyard submit --batch', () => {
  it('submits every line of a file', async () => {
    const file = inFolder('tasks.ndjson')
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
    assert.match(
      stderr,
      /lines 1001 to 1002 were refused\n( {2}line 1002 .*\n)+ {2}submitted before: 1000 tasks, lines 1 to 1000\n/,
    )
  })

  it('says what is in when it stops at a line that is no JSON', async () => {
    const stdin = `${'{"payload":1}\n\n'.repeat(1000)}{"payload":2}\n{"payl\n`
    const { code, stderr, stdout } = await run(['submit', 'nobody', '--batch', '-', '--json'], { stdin })
    assert.equal(code, 2)
    assert.match(stderr, /line 2002 is not JSON: .*\n {2}submitted before: 1000 tasks, lines 1 to 1999\n/)
    const { error } = JSON.parse(stdout)
    assert.equal(error.code, 'usage')
    assert.equal(error.submitted, 1000)
    const first = await run(['submit', 'nobody', '--batch', '-'], { stdin: '{"payl\n' })
    assert.match(first.stderr, /line 1 is not JSON: .*\n {2}submitted before: nothing\n/)
  })

  it('leaves a line its own of two names for one thing', async () => {
    const runAt = '2099-01-01T00:00:00.000Z'
    const stdin = [
      { payload: 1, runAt },
      { payload: 2, task_type: 'somebody' },
    ]
      .map((line) => JSON.stringify(line))
      .join('\n')
    const { ids } = await runJson(['submit', 'nobody', '--batch', '-', '--delay', '60'], { stdin })
    const [first, second] = await Promise.all(ids.map((id: string) => runJson(['get', id])))
    assert.deepEqual([first.runAt, first.type, second.type], [runAt, 'nobody', 'somebody'])
  })

  it('tells programs the code with which the server refused a line', async () => {
    const { code, stdout } = await run(['submit', 'nobody', '--batch', '-', '--json'], { stdin: '{"priority":"x"}\n' })
    assert.equal(code, 2)
    assert.deepEqual(JSON.parse(stdout).error.code, 'invalid_request')
  })

  it('takes the options for lines that do not say otherwise', async () => {
    const stdin = '{"payload":1}\n{"payload":2,"type":"other","queue":"own","priority":1,"tags":["b"]}\n'
    const options = ['-q', 'given', '-p', '7', '--delay', '3600', '--max-attempts', '2', '--timeout', '9', '--tag', 'a']
    const { ids } = await runJson(['submit', 'nobody', '--batch', '-', ...options], { stdin })
    const [plain, own] = await Promise.all([runJson(['get', ids[0]]), runJson(['get', ids[1]])])
    const chosen = ({ type, queue, priority, status, maxAttempts, timeoutSeconds, tags }: typeof plain) => ({
      type,
      queue,
      priority,
      status,
      maxAttempts,
      timeoutSeconds,
      tags,
    })
    const both = { status: 'scheduled', maxAttempts: 2, timeoutSeconds: 9 }
    assert.deepEqual(chosen(plain), { type: 'nobody', queue: 'given', priority: 7, tags: ['a'], ...both })
    assert.deepEqual(chosen(own), { type: 'other', queue: 'own', priority: 1, tags: ['b'], ...both })
  })

  it('refuses what it would have to leave out: a payload, and to wait', async () => {
    const stdin = '{"type":"nobody","payload":1,"queue":"left-out"}\n'
    for (const more of [['nobody', '1'], ['--wait'], ['--wait', '5']]) {
      const { code, stderr } = await run(['submit', ...more, '--batch', '-'], { stdin })
      assert.equal(code, 2, more.join(' '))
      assert.match(stderr, /--batch takes no (payload|--wait)/)
    }
    assert.deepEqual((await runJson(['list', '-q', 'left-out'])).items, [])
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
