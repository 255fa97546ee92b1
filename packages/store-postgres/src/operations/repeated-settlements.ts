import type { Settlement, SettleResult, TaskStatus } from '@taskyard/core'
import { ids, numbers } from '../arrays.ts'
import type { Text } from '../driver.ts'
import type { StoreContext } from '../store-context.ts'
import type { Results } from './settle-succeeded.ts'
import { SETTLED_AS, UNSETTLED } from './transitions.ts'

type PastRow = [n: string, lane: string, status: Text, settledAs: Text, worker: Text, wentOn: Text]

export const LOST: SettleResult = { status: 'lost' }

/**
 * A settlement that comes again because its reply was lost is answered as it was the first time, also when its task has been
 * retried since: then the end is in the history.
 */
export async function findRepeated(
  { database, lanes }: StoreContext,
  namespace: string,
  unknown: readonly (readonly [index: number, settlement: Settlement])[],
  results: Results,
): Promise<void> {
  const rows = await database.run<PastRow>(
    `SELECT i.n, t.lane, e.status, e.settled_as, e.worker_id, (
       SELECT h.kind FROM @history h WHERE h.id = t.id AND h.token = i.token AND h.kind IN ('retry-scheduled', 'released')
         AND h.settled_as IS NULL LIMIT 1
     )
     FROM unnest($1::uuid[], $2::integer[]) WITH ORDINALITY AS i (id, token, n)
     CROSS JOIN LATERAL (SELECT * FROM @tasks t WHERE t.id = i.id OFFSET 0) t
     LEFT JOIN LATERAL (
       SELECT * FROM (
         SELECT f.status, f.settled_as, f.worker_id FROM @finished f
         WHERE f.lane = t.lane AND f.status IN (1, 2, 3) AND f.id = t.id AND f.token = i.token
         UNION ALL SELECT CASE h.kind WHEN 'failed' THEN 2 ELSE 3 END, h.settled_as, h.worker_id FROM @history h
         WHERE h.id = t.id AND h.token = i.token AND h.kind IN ('failed', 'cancelled') AND h.settled_as > ${UNSETTLED}
       ) ends ORDER BY settled_as = ${UNSETTLED} LIMIT 1
     ) e ON true`,
    [ids(unknown.map(([, { taskId }]) => taskId)), numbers(unknown.map(([, { token }]) => token))],
  )
  await lanes.load(new Set(rows.map(([, lane]) => Number(lane))))
  const past = new Map(rows.map((row) => [Number(row[0]), row]))
  for (const [at, [index, { outcome }]] of unknown.entries()) {
    const row = past.get(at + 1)
    const lane = row === undefined ? undefined : lanes.get(Number(row[1]))
    const taskStatus = row === undefined || lane?.namespace !== namespace ? null : endedAs(outcome, row)
    if (lane === undefined || taskStatus === null) {
      results[index] = LOST
      continue
    }
    const { queue, type } = lane
    const times = { waitMs: 0, runMs: 0, runAt: null }
    results[index] = { status: 'ok', taskStatus, repeated: true, namespace, queue, type, ...times }
  }
}

const ENDED = ['succeeded', 'failed', 'cancelled'] as const

function endedAs(outcome: Settlement['outcome'], row: PastRow): TaskStatus | null {
  const [, , status, settledAs, worker, wentOn] = row
  const end = status === null || worker === null ? null : (ENDED[Number(status) - 1] as (typeof ENDED)[number])
  if (outcome !== 'succeeded' && end !== null && settledAs !== null) {
    return Number(settledAs) === SETTLED_AS[outcome] ? end : null
  }
  switch (outcome) {
    case 'succeeded':
    case 'cancelled':
      return end === outcome ? outcome : null
    case 'failed':
      if (wentOn === 'retry-scheduled') return 'scheduled'
      return end === 'failed' || end === 'cancelled' ? end : null
    case 'released':
      if (wentOn === 'released') return 'queued'
      return end === 'cancelled' ? 'cancelled' : null
  }
}
