import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { check } from './checker.ts'
import type { HistoryEvent } from './history.ts'

// What the checker makes of a task whose worker is killed at 10 s, and another worker at 15 s. Times in milliseconds.

describe('the chaos checker, after the kill of a worker', () => {
  it('measures how soon its task starts again', () => {
    const { recovery, passed } = check(history({ at: 15_100, token: 2 }))
    assert.deepEqual(recovery.killed, { judged: 1, notJudged: 0, p50Ms: 5100, p99Ms: 5100, maxMs: 5100, limitMs: 7000 })
    assert.equal(passed, true)
  })

  it('reports a task that starts again too late', () => {
    assert.deepEqual(lateAfter({ at: 20_100, token: 2 }), [
      'started again 10100 ms after the kill of worker-1 (random); the limit is 7000 ms',
    ])
  })

  it('allows for a lease that went to the second worker, whose death broke the answer off', () => {
    assert.deepEqual(lateAfter({ at: 20_100, token: 3 }), [])
  })

  it('reports the task of such a lease when it is too late after the second death, too', () => {
    assert.deepEqual(lateAfter({ at: 22_100, token: 3 }), [
      'started again 7100 ms after the kill of worker-1 (random); the limit is 7000 ms',
    ])
  })
})

describe('the chaos checker, after the kill of a worker that had 200 tasks', () => {
  it('lets one in a hundred take longer than the limit, but none twice as long', () => {
    assert.deepEqual(lateOf([8000, 8000]), [])
    assert.deepEqual(lateOf([8000, 14_100]), [
      'started again 14100 ms after the kill of worker-1 (random); the limit is 14000 ms',
    ])
  })

  it('reports all that took longer when they are more', () => {
    const what = 'started again 8000 ms after the kill of worker-1 (random); the limit is 7000 ms'
    assert.deepEqual(lateOf([8000, 8000, 8000]), [what, what, what])
  })
})

/** @param times until some of them started again, ms; the others took 5 s */
function lateOf(times: readonly number[]): readonly string[] {
  const ids = Array.from({ length: 200 }, (_, index) => `task-${index}`)
  const [run, server] = history({ at: 0, token: 2 })
  const events = [
    { ...run, at: 0 },
    server,
    { e: 'claim', sentAt: 9000, at: 9100, worker: 'worker-1', tasks: ids.map((id) => ({ id, token: 1, key: id })) },
    { e: 'fault', kind: 'kill', point: 'random', at: 10_000, target: 'worker-1' },
    ...ids
      .map((id, index) => ({ at: 10_000 + (times[index] ?? 5000), id, key: id }))
      .toSorted((a, b) => a.at - b.at)
      .map((again) => ({ e: 'start', worker: 'worker-3', attempt: 2, token: 2, ...again })),
    { e: 'end', at: 40_000 },
  ] as readonly HistoryEvent[]
  return check(events).violations.lateRecoveries.map(({ what }) => what)
}

function lateAfter(again: { readonly at: number; readonly token: number }): readonly string[] {
  return check(history(again)).violations.lateRecoveries.map(({ what }) => what)
}

function history(again: { readonly at: number; readonly token: number }): readonly HistoryEvent[] {
  const limits = { leaseMs: 5000, sessionGraceMs: 5000, recoveryMs: 2000, nodeGraceMs: 8000, outageMs: 5000 }
  const kill = { e: 'fault', kind: 'kill', point: 'random' } as const
  return [
    { e: 'run', at: 0, seed: 0, ...limits },
    { e: 'server', at: 2, server: 'server-1', state: 'up' },
    { e: 'submit', at: 9000, keys: ['key'] },
    { e: 'claim', sentAt: 9000, at: 9100, worker: 'worker-1', tasks: [{ id: 'task', token: 1, key: 'key' }] },
    { ...kill, at: 10_000, target: 'worker-1' },
    { ...kill, at: 15_000, target: 'worker-2' },
    { e: 'start', worker: 'worker-3', id: 'task', attempt: 2, key: 'key', ...again },
    { e: 'end', at: 30_000 },
  ]
}
