import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createServerLog } from '../src/server/server-log.ts'

function logOn({ isTTY }: { isTTY: boolean }) {
  const lines: string[] = []
  const output = { isTTY, write: (line: string) => void lines.push(line) }
  return { lines, log: createServerLog({ logLevel: 'info' }, output, { NO_COLOR: '1' }) }
}

test('a line for programs has its level in words and its time with a zone', () => {
  const { lines, log } = logOn({ isTTY: false })
  log.warn({ task: 'a' }, 'it failed')
  log.debug('not told')
  const [line, ...others] = lines.map((text) => JSON.parse(text))
  assert.deepEqual(others, [])
  assert.match(line.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  assert.deepEqual({ ...line, time: null }, { level: 'warn', time: null, task: 'a', msg: 'it failed' })
})

test('a line for people tells the time of their clock', (t) => {
  const { TZ } = process.env
  t.after(() => {
    if (TZ === undefined) delete process.env.TZ
    else process.env.TZ = TZ
  })
  t.mock.timers.enable({ apis: ['Date'], now: Date.parse('2026-03-01T17:01:02.003Z') })
  const { lines, log } = logOn({ isTTY: true })
  process.env.TZ = 'America/New_York'
  log.info({ tasks: 2 }, 'draining')
  assert.deepEqual(lines, ['12:01:02.003  info   draining  tasks=2\n'])
})
