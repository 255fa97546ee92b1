import type { CountsParams, PauseParams, QueueCounts } from '@taskyard/core'
import type { Lane } from '../lanes.ts'
import { row1, type State } from '../state.ts'
import { promoteDue } from './promote.ts'

/** The port's `counts`, from the counters in memory; only the oldest ready task is looked up. */
export function counts(state: State, { namespace, queue }: CountsParams, now: number): QueueCounts[] {
  promoteDue(state, now)
  const known = state.lanes.queuesOf(namespace)
  return known.filter((name) => queue === null || name === queue).map((name) => queueCounts(state, namespace, name))
}

function queueCounts(state: State, namespace: string, queue: string): QueueCounts {
  const lanes = state.lanes.ofQueue(namespace, queue)
  const sum = (counter: Parameters<typeof state.counters.add>[1]) =>
    lanes.reduce((total, { lane }) => total + state.counters.of(lane)[counter], 0)
  return {
    queue,
    paused: state.lanes.isPaused(namespace, queue),
    counts: {
      blocked: 0,
      scheduled: sum('scheduled'),
      queued: sum('queued'),
      running: sum('running'),
      succeeded: sum('succeeded'),
      failed: sum('failed'),
      cancelled: sum('cancelled'),
    },
    oldestReadyAt: oldestReady(state, lanes),
    finishedTotal: sum('finished_total'),
  }
}

function oldestReady(state: State, lanes: readonly Lane[]): number | null {
  let oldest = Number.POSITIVE_INFINITY
  for (const { lane } of lanes) {
    if (state.counters.of(lane).queued > 0) oldest = Math.min(oldest, oldestInLane(state, lane))
  }
  return oldest === Number.POSITIVE_INFINITY ? null : oldest
}

// Within a priority the index is in order of readiness, so one step per priority in use finds the oldest of all.
function oldestInLane(state: State, lane: number): number {
  const first = state.sql(
    `SELECT priority, ready_at FROM ready WHERE lane = ? AND priority < ? ORDER BY priority DESC, ready_at, seq LIMIT 1`,
  )
  let oldest = Number.POSITIVE_INFINITY
  let below = Number.MAX_SAFE_INTEGER
  for (;;) {
    const row = row1<[number, number]>(first, lane, below)
    if (row === undefined) return oldest
    below = row[0]
    oldest = Math.min(oldest, row[1])
  }
}

/** The port's `pause`. When a queue goes on, its lanes count as ready anew, so that waiting claims look. */
export function pause(state: State, { namespace, queue, paused }: PauseParams): void {
  if (paused) {
    state.lanes.pause(namespace, queue)
    return
  }
  state.lanes.resume(namespace, queue)
  const lanes = state.lanes.ofQueue(namespace, queue).filter(({ lane }) => state.counters.of(lane).queued > 0)
  state.heads.noteResumed(lanes.map(({ lane }) => lane))
  for (const { lane } of lanes) state.readyLanes.add(lane)
}
