import type { PositionParams, ReadyLane, ReadyLanesParams } from '@taskyard/core'
import { row1, type State } from '../state.ts'
import { locate } from './find.ts'
import { promoteDue } from './promote.ts'

/** What claims give out before a task: each is one range of `ready_in_order`. */
export const RANGES_BEFORE = [
  'lane = ?1 AND priority = ?2 AND ready_at = ?3 AND seq < ?4',
  'lane = ?1 AND priority = ?2 AND ready_at < ?3',
  'lane = ?1 AND priority > ?2',
].map((range) => `SELECT count(*) FROM (SELECT 1 FROM ready WHERE ${range} LIMIT ?5)`)

/** The port's `position`. */
export function position(state: State, { namespace, taskId, atMost }: PositionParams, now: number): number | null {
  promoteDue(state, now)
  const located = locate(state, namespace, taskId)
  if (located === null) return null
  const { lane, seq } = located
  const ready = row1<[number, number]>(state.sql('SELECT priority, ready_at FROM ready WHERE seq = ?'), seq)
  if (ready === undefined) return null
  let before = 0
  for (const range of RANGES_BEFORE) before += countOf(state, range, [lane, ...ready, seq, atMost - before])
  return before
}

function countOf(state: State, range: string, values: readonly number[]): number {
  return row1<[number]>(state.sql(range), ...values)?.[0] ?? 0
}

/** The port's `readyLanes`, from the counters in memory. */
export function readyLanes(state: State, { namespace, limit }: ReadyLanesParams, now: number): ReadyLane[] {
  promoteDue(state, now)
  const lanes = state.lanes.matching(namespace, null, null)
  const ready = lanes.filter(({ lane }) => state.counters.of(lane).queued > 0)
  return ready.slice(0, limit).map(({ queue, type }) => ({ namespace, queue, type }))
}
