import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { functionsOf, type LeasedTaskDocument, type TaskContext, TaskyardError } from '@taskyard/core'
import type { AttemptEnd, WorkerEvent } from '@taskyard/worker'
import { parseExactJson, withoutMark } from '../src/cli/exact-json.ts'
import { reportFailure, usageFailure } from '../src/cli/failure.ts'
import { createPrinter } from '../src/cli/printer.ts'
import { createProgress } from '../src/cli/progress.ts'
import { tableLines } from '../src/cli/table.ts'
import { jsonLine, printable, printableLine, type Terminal } from '../src/cli/terminal.ts'
import { createWorkReport } from '../src/cli/work/work-report.ts'

const ESCAPE = '\u001b'
/** Whatever steers a terminal; to be looked for where colours and line feeds have been taken out. */
const STEERING = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\p{Surrogate}]/u
const coloursAndLineFeeds = new RegExp(`${ESCAPE}\\[[\\d;]*m|\\n`, 'g')
const EVIL = '\u001b]0;pwned\u0007\u001b[2J\u001b[1A\0\u009b31m\u202e\u2066\u200f\ufeff\r\ud800\u2028'

function assertHarmless(written: string): void {
  assert.doesNotMatch(written.replace(coloursAndLineFeeds, ''), STEERING)
}

function terminal() {
  const written = { out: '', error: '' }
  const output = (name: 'out' | 'error') => ({
    isTTY: true,
    columns: 80,
    write(text: string) {
      written[name] += text
    },
  })
  const fake: Terminal = {
    environment: {},
    stdin: [] as unknown as Terminal['stdin'],
    stdout: output('out'),
    stderr: output('error'),
    interrupted: () => new AbortController().signal,
    exitWith() {},
    now: () => 0,
    monotonic: () => 0,
  }
  return { fake, written }
}

describe('foreign text on a terminal', () => {
  it('is shown with what could steer the terminal as escapes', () => {
    assert.equal(printable('a\nb\t\u001b[31m\u009b\u202e'), 'a\\nb\\t\\u001b[31m\\u009b\\u202e')
    assert.equal(printable('\ud800\ufeff'), '\\ud800\\ufeff')
    assert.equal(printable('naïve 😀 漢字'), 'naïve 😀 漢字')
    assert.equal(printable(printable(EVIL)), printable(EVIL))
  })

  it('leaves a line its own colours and nothing else', () => {
    assert.equal(printableLine('\u001b[31mred\u001b[39m\u001b[2J'), '\u001b[31mred\u001b[39m\\u001b[2J')
  })

  it('is harmless as JSON, and the same document', () => {
    assertHarmless(jsonLine({ [EVIL]: EVIL }))
    assert.deepEqual(JSON.parse(jsonLine({ [EVIL]: EVIL })), { [EVIL]: EVIL })
    assert.equal(jsonLine(parseExactJson('12345678901234567890')), '12345678901234567890')
  })

  it('is harmless in every way that a command speaks', () => {
    for (const json of [true, false]) {
      const { fake, written } = terminal()
      const printer = createPrinter(fake, json)
      printer.answer({ EVIL }, [EVIL, ...tableLines([{ title: 'WORKER' }], [[{ text: EVIL, style: 'red' }]], printer)])
      printer.note(EVIL)
      reportFailure(fake, usageFailure(`first\n  ${EVIL}`), json)
      reportFailure(fake, new Error(EVIL), json)
      const violations = [{ path: EVIL, message: EVIL }]
      reportFailure(fake, new TaskyardError('invalid_request', { reason: EVIL }, { violations }), json)
      const report = createWorkReport(fake, json)
      report.started({ url: 'http://x', namespace: 'n' }, [EVIL], [EVIL])
      report.trouble(new Error(EVIL), EVIL)
      assertHarmless(written.out)
      assertHarmless(written.error)
      assert.ok(written.out.length > 0 && written.error.length > 0)
    }
  })

  it('is harmless in the line of progress', () => {
    const { fake, written } = terminal()
    createProgress(fake).show(EVIL)
    assertHarmless(written.error.slice('\r\u001b[2K'.length))
  })
})

describe('a byte order mark', () => {
  it('before JSON is no part of it', () => {
    assert.deepEqual(parseExactJson(withoutMark('\ufeff{"a":1}')), { a: 1 })
    assert.equal(withoutMark('"\ufeff"'), '"\ufeff"')
  })
})

describe('the end of an attempt', () => {
  const task = { id: 'a', type: 'slow', queue: 'default', attempt: 1, maxAttempts: 1 } as LeasedTaskDocument
  const lineFor = (event: WorkerEvent, aborted: AttemptEnd['aborted']) => {
    const { fake, written } = terminal()
    const report = createWorkReport(fake, true)
    void functionsOf(report.watching({ slow: () => null })).get('slow')?.(task, {} as TaskContext)
    report.ended(event, { task, taskStatus: null, runAt: null, error: null, aborted })
    return JSON.parse(written.out.trim().split('\n').at(-1) ?? '').reason
  }

  it('is called a time-out when it was one, whether the worker or the server was the first to end it', () => {
    assert.equal(lineFor('failed', 'timeout'), 'timeout')
    assert.equal(lineFor('lost', 'timeout'), 'timeout')
  })

  it('is called a lost lease when the lease was lost for another reason', () => {
    for (const aborted of [null, 'lease_lost', 'cancelled'] as const)
      assert.equal(lineFor('lost', aborted), 'lease lost')
  })
})
