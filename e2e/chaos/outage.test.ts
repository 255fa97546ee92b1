import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { check } from './checker.ts'
import type { HistoryEvent } from './history.ts'

// What the checker makes of an outage of the database, from 10 s to 12 s, under load. Times in milliseconds.

describe('the chaos checker, after an outage of the database', () => {
  it('measures how soon each worker starts something again', () => {
    const { recovery, passed } = check(history({ back: { 'worker-1': 12_300, 'worker-2': 15_000 } }))
    assert.deepEqual(recovery.outage, { judged: 2, notJudged: 0, p50Ms: 300, p99Ms: 3000, maxMs: 3000, limitMs: 5000 })
    assert.equal(passed, true)
  })

  it('reports a worker that looks alive and does nothing', () => {
    const { violations } = check(history({ back: { 'worker-1': 12_300, 'worker-2': null } }))
    assert.deepEqual(violations.lateRecoveries, [
      { subject: 'worker-2', what: 'never started again after the outage of the database of 2.0 s' },
    ])
  })

  it('reports a worker that comes back too late', () => {
    const { violations } = check(history({ back: { 'worker-1': 17_100, 'worker-2': 12_100 } }))
    assert.deepEqual(violations.lateRecoveries, [
      {
        subject: 'worker-1',
        what: 'started again 5100 ms after the outage of the database of 2.0 s; the limit is 5000 ms',
      },
    ])
  })

  it('does the same after a hang', () => {
    const stop: HistoryEvent = { e: 'fault', at: 10_000, kind: 'stop', target: 'database', point: 'random' }
    const outage = [stop, { ...stop, at: 12_000, kind: 'continue' as const }]
    const { violations } = check(history({ back: { 'worker-1': 12_300, 'worker-2': null }, outage }))
    assert.deepEqual(
      violations.lateRecoveries.map(({ subject }) => subject),
      ['worker-2'],
    )
  })

  for (const [what, more] of [
    ['the database goes again', { e: 'database', at: 14_000, state: 'down' }],
    ['the only server goes', { e: 'server', at: 14_000, server: 'server-1', state: 'down' }],
    ['the worker is killed', { e: 'fault', at: 14_000, kind: 'kill', target: 'worker-2', point: 'random' }],
  ] as const) {
    it(`does not blame a worker when ${what}`, () => {
      const { violations } = check(history({ back: { 'worker-1': 12_300, 'worker-2': null }, more: [more] }))
      assert.deepEqual(violations.lateRecoveries, [])
    })
  }

  it('reports a server that the outage has brought down', () => {
    const crash: HistoryEvent = { e: 'crash', at: 10_050, target: 'server-1', how: 'exit code 1' }
    const { violations } = check(history({ back: { 'worker-1': 12_300, 'worker-2': 12_300 }, more: [crash] }))
    assert.deepEqual(violations.crashes, [{ subject: 'server-1', what: 'ended by itself: exit code 1' }])
  })

  it('does not blame workers when there is nothing to do', () => {
    const quiet = history({ back: { 'worker-1': 12_300, 'worker-2': null } }).filter(({ e }) => e !== 'submit')
    assert.deepEqual(check(quiet).violations.lateRecoveries, [])
  })
})

interface OutageParams {
  /** When each worker starts something again. */
  readonly back: Readonly<Record<string, number | null>>
  readonly outage?: readonly HistoryEvent[]
  readonly more?: readonly HistoryEvent[]
}

const down: readonly HistoryEvent[] = [
  { e: 'database', at: 10_000, state: 'down' },
  { e: 'database', at: 12_000, state: 'up' },
]

/** Nothing is ever acknowledged, and of what is started the end does not count. */
function history({ back, outage = down, more = [] }: OutageParams): readonly HistoryEvent[] {
  const limits = { leaseMs: 5000, sessionGraceMs: 5000, recoveryMs: 2000, nodeGraceMs: 8000, outageMs: 5000 }
  const starts = Object.entries(back).flatMap(([worker, at]) => [
    start(worker, 9000),
    ...(at === null ? [] : [start(worker, at)]),
  ])
  const submits = Array.from({ length: 200 }, (_, n): HistoryEvent => ({ e: 'submit', at: n * 100, keys: keys(n) }))
  const events: HistoryEvent[] = [
    { e: 'run', at: 0, seed: 0, ...limits },
    { e: 'database', at: 1, state: 'up' },
    { e: 'server', at: 2, server: 'server-1', state: 'up' },
    ...starts,
    ...submits,
    ...outage,
    ...more,
    { e: 'end', at: 30_000 },
  ]
  return events.toSorted((a, b) => time(a) - time(b))
}

function keys(n: number): readonly string[] {
  return ['a', 'b', 'c'].map((letter) => `key-${n}-${letter}`)
}

function start(worker: string, at: number): HistoryEvent {
  const key = `key-${Math.floor(at / 100)}-${worker === 'worker-1' ? 'a' : 'b'}`
  return { e: 'start', at, worker, id: `${worker} ${at}`, token: 1, attempt: 1, key }
}

function time(event: HistoryEvent): number {
  return 'at' in event ? event.at : event.startedAt
}
