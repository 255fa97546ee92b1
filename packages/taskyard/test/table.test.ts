import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readPastTime, spokenDistance, spokenDuration } from '../src/cli/spoken-time.ts'
import { tableLines } from '../src/cli/table.ts'
import { paintFor, printable, wantsColours } from '../src/cli/terminal.ts'

const plain = (_style: unknown, text: string) => text
const rows = [
  [{ text: 'mail' }, { text: '7' }],
  [{ text: 'a-long-queue-name' }, { text: '12000' }],
]

describe('tableLines', () => {
  it('aligns columns and leaves no trailing blanks', () => {
    const lines = tableLines([{ title: 'QUEUE' }, { title: 'N', align: 'right' }], rows, { paint: plain })
    assert.deepEqual(lines, ['QUEUE                  N', 'mail                   7', 'a-long-queue-name  12000'])
  })

  it('shortens the flexible column to the width of the terminal', () => {
    const columns = [
      { title: 'QUEUE', least: 12 },
      { title: 'N', align: 'right' as const },
    ]
    const lines = tableLines(columns, rows, { paint: plain, width: 20 })
    assert.deepEqual(lines, ['QUEUE              N', 'mail               7', 'a-long-queue…  12000'])
  })
})

describe('tableLines on a narrow terminal', () => {
  it('leaves out droppable columns, highest rank first', () => {
    const columns = [{ title: 'QUEUE' }, { title: 'LESS', dropRank: 1 }, { title: 'LEAST', dropRank: 2 }]
    const cells = [[{ text: 'mail' }, { text: '1' }, { text: '2' }]]
    assert.deepEqual(tableLines(columns, cells, { paint: plain, width: 12 }), ['QUEUE  LESS', 'mail   1'])
  })
})

describe('printable', () => {
  it('shows what could steer a terminal as escapes', () => {
    assert.equal(printable('a\u001b[2Jb\nc\u202e'), 'a\\u001b[2Jb\\nc\\u202e')
  })
})

describe('colours', () => {
  const terminal = { isTTY: true, write: () => {} }
  const pipe = { isTTY: false, write: () => {} }

  it('are for terminals only', () => {
    assert.equal(wantsColours(terminal, {}), true)
    assert.equal(wantsColours(pipe, {}), false)
  })

  it('give way to NO_COLOR and TERM=dumb, and follow FORCE_COLOR', () => {
    assert.equal(wantsColours(terminal, { NO_COLOR: '1' }), false)
    assert.equal(wantsColours(terminal, { TERM: 'dumb' }), false)
    assert.equal(wantsColours(pipe, { FORCE_COLOR: '1' }), true)
  })

  it('are escape sequences when wanted', () => {
    assert.ok(paintFor(terminal, {})('red', 'x').startsWith('\u001b[31mx'))
    assert.equal(paintFor(pipe, {})('red', 'x'), 'x')
  })
})

describe('times for people', () => {
  it('speaks durations in their two largest units', () => {
    const spoken = [12, 12_000, 200_000, 3_600_000, 187_200_000].map(spokenDuration)
    assert.deepEqual(spoken, ['12 ms', '12 s', '3 m 20 s', '1 h', '2 d 4 h'])
  })

  it('speaks distances in both directions', () => {
    const now = Date.parse('2026-01-01T00:01:00Z')
    assert.equal(spokenDistance('2026-01-01T00:00:00Z', now), '1 m ago')
    assert.equal(spokenDistance('2026-01-01T00:02:00Z', now), 'in 1 m')
  })

  it('reads times in the past and refuses anything else', () => {
    assert.equal(readPastTime('15m', 1_000_000), 100_000)
    assert.equal(readPastTime('2026-01-01T00:00:00Z', 0), Date.parse('2026-01-01T00:00:00Z'))
    assert.equal(readPastTime('yesterday', 0), null)
    assert.equal(readPastTime('2026-13-45', 0), null)
  })
})
