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
