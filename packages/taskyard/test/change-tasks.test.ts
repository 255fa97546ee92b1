import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { runProgram } from '../src/cli/program.ts'
import type { Terminal } from '../src/cli/terminal.ts'

interface Call {
  readonly path: string
  readonly body: unknown
}

/** A server on which so many tasks match whatever filter. */
async function startCounter(t: TestContext, matched: number) {
  const calls: Call[] = []
  const server = createServer(async (request, response) => {
    calls.push({ path: request.url?.split('/').at(-1) ?? '', body: await json(request) })
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ matched }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return { calls, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

async function run(url: string, commandLine: readonly string[], { isTTY = true, typed = '' } = {}) {
  const written = { out: '', error: '', code: 0 }
  const output = (name: 'out' | 'error') => ({
    isTTY,
    columns: 80,
    write(text: string) {
      written[name] += text
    },
  })
  const terminal: Terminal = {
    environment: { TASKYARD_URL: url, NO_COLOR: '1' },
    stdin: Object.assign(keys(typed), { isTTY }),
    stdout: output('out'),
    stderr: output('error'),
    interrupted: () => new AbortController().signal,
    exitWith(code) {
      written.code = code
    },
    now: () => 0,
    monotonic: () => 0,
  }
  await runProgram(commandLine, terminal)
  return written
}

async function* keys(typed: string): AsyncGenerator<string> {
  for (const key of typed) yield key
}

const FILTER = ['--status', 'queued,scheduled', '--error-code', 'timeout']
const BODY = { status: ['queued', 'scheduled'], errorCode: 'timeout' }
const COUNTED = { ...BODY, dryRun: true }

for (const [name, question] of [
  ['cancel', 'Cancel 1,234 tasks? [y/N] '],
  ['retry', 'Retry 1,234 tasks? [y/N] '],
  ['delete', 'Delete 1,234 tasks? [y/N] '],
] as const) {
  test(`${name} asks on a terminal before it changes more than one task, and takes yes alone for it`, async (t) => {
    for (const typed of ['\n', 'n\n', 'yep\n', 'maybe y\n', 'x', '']) {
      const { url, calls } = await startCounter(t, 1234)
      const { code, out, error } = await run(url, [name, ...FILTER], { typed })
      assert.deepEqual(calls, [{ path: name, body: COUNTED }], JSON.stringify(typed))
      assert.ok(error.startsWith(question), error)
      assert.match(error, /Nothing was changed\.\n$/)
      assert.deepEqual([code, out], [1, ''])
    }
    for (const typed of ['y\n', 'Y\r\n', ' yes \nn\n']) {
      const { url, calls } = await startCounter(t, 1234)
      const { code, out } = await run(url, [name, ...FILTER], { typed })
      assert.deepEqual(
        calls,
        [COUNTED, BODY].map((body) => ({ path: name, body })),
        JSON.stringify(typed),
      )
      assert.match(out, /^1,234 tasks /)
      assert.equal(code, 0)
    }
  })

  test(`${name} asks nothing about ${name === 'delete' ? 'no task' : 'one task or none'}, with --yes and with --json`, async (t) => {
    for (const [matched, options] of [
      [0, []],
      ...(name === 'delete' ? [] : ([[1, []]] as const)),
      [1234, ['--yes']],
      [1234, ['-y', '--json']],
    ] as const) {
      const { url, calls } = await startCounter(t, matched)
      const { code, error } = await run(url, [name, ...FILTER, ...options])
      assert.deepEqual([code, error], [0, ''])
      assert.deepEqual(calls.at(-1), { path: name, body: BODY })
    }
  })

  test(`${name} --dry-run counts and changes nothing, wherever it is called`, async (t) => {
    const { url, calls } = await startCounter(t, 1234)
    for (const isTTY of [true, false]) {
      const { code, out, error } = await run(url, [name, ...FILTER, '--dry-run'], { isTTY })
      assert.match(out, /^1,234 tasks would be /)
      assert.deepEqual([code, error], [0, ''])
    }
    const { out } = await run(url, [name, ...FILTER, '--dry-run', '--json'])
    assert.deepEqual(JSON.parse(out), { matched: 1234, dryRun: true })
    assert.deepEqual(calls, Array(3).fill({ path: name, body: COUNTED }))
  })
}

test('delete asks on a terminal about one task, too', async (t) => {
  const { url, calls } = await startCounter(t, 1)
  const { code, error } = await run(url, ['delete', ...FILTER], { typed: 'n\n' })
  assert.equal(error, 'Delete 1 task? [y/N] Nothing was changed.\n')
  assert.equal(code, 1)
  assert.deepEqual(calls, [{ path: 'delete', body: COUNTED }])
})

test('without a terminal cancel and retry act at once, and delete wants --yes', async (t) => {
  const { url, calls } = await startCounter(t, 1234)
  for (const name of ['cancel', 'retry']) assert.equal((await run(url, [name, ...FILTER], { isTTY: false })).code, 0)
  for (const isTTY of [true, false]) {
    const refused = await run(url, ['delete', ...FILTER, '--json'], { isTTY })
    assert.equal(refused.code, 2)
    assert.match(refused.error, /gone for good: add --yes/)
  }
  assert.equal((await run(url, ['delete', ...FILTER, '--yes'], { isTTY: false })).code, 0)
  assert.deepEqual(
    calls,
    ['cancel', 'retry', 'delete'].map((path) => ({ path, body: BODY })),
  )
})

test('tasks are chosen by id or by options, and one of the two there must be', async (t) => {
  const { url, calls } = await startCounter(t, 1)
  for (const [commandLine, words] of [
    [['cancel'], /say which tasks to cancel: by id, or by at least one option/],
    [['delete', '--yes'], /say which tasks to delete/],
    [['retry', 'an-id', '--type', 'x'], /choose the tasks to retry either by id or by options, not both/],
    [['cancel', 'an-id', '--dry-run'], /--dry-run counts what options mean/],
    [['cancel', '--status', 'queued,done'], /Allowed choices are/],
    [['cancel', '--status', ''], /Allowed choices are/],
  ] as const) {
    const { code, error } = await run(url, commandLine)
    assert.equal(code, 2, error)
    assert.match(error, words)
  }
  assert.deepEqual(calls, [])
})
