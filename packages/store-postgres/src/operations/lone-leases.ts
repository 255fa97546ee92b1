import { isLeaseRef, type TakeBackCrashesParams } from '@taskyard/core'
import { ids, numbers } from '../arrays.ts'
import type { Run } from '../database.ts'
import { namespaceOf } from '../lanes.ts'
import type { StoreContext } from '../store-context.ts'
import type { Lease } from './lease-row.ts'

// Several rows are locked in the order of their key, wherever that is: calls that meet wait for each other, and not in a circle.

/** The port's `takeBackCrashes`: the lease is marked, and counted off when the task's next lease ends. */
export async function takeBackCrashes(
  { database }: StoreContext,
  { namespace, leases }: TakeBackCrashesParams,
): Promise<void> {
  const valid = leases.filter(isLeaseRef)
  if (valid.length === 0) return
  await database.run(
    `WITH heard_of AS MATERIALIZED (
       SELECT id, token FROM @lone_leases l
       WHERE (id, token) IN (SELECT * FROM unnest($1::uuid[], $2::integer[]))
         AND (SELECT ${namespaceOf('t')} FROM @tasks t WHERE t.id = l.id) = $3
       ORDER BY id, token FOR UPDATE
     )
     UPDATE @lone_leases l SET taken_back = true FROM heard_of h WHERE l.id = h.id AND l.token = h.token`,
    [ids(valid.map(({ taskId }) => taskId)), numbers(valid.map(({ token }) => token)), namespace],
  )
}

/** These leases, which the caller has locked, without the crashes of their tasks that were taken back. */
export async function withoutTakenBack(run: Run, leases: readonly Lease[]): Promise<readonly Lease[]> {
  const crashed = leases.filter(({ loneCrashes }) => loneCrashes > 0).map(({ id }) => id)
  if (crashed.length === 0) return leases
  const rows = await forget(run, crashed, 'taken_back')
  const taken = Map.groupBy(rows, ([id]) => id)
  return leases.map((lease) => {
    const loneCrashes = Math.max(0, lease.loneCrashes - (taken.get(lease.id)?.length ?? 0))
    return { ...lease, loneCrashes }
  })
}

/** Leases whose ends count against their tasks. */
export async function addLoneLeases(run: Run, leases: readonly Pick<Lease, 'id' | 'token'>[]): Promise<void> {
  if (leases.length === 0) return
  await run('INSERT INTO @lone_leases (id, token) SELECT * FROM unnest($1::uuid[], $2::integer[])', [
    ids(leases.map(({ id }) => id)),
    numbers(leases.map(({ token }) => token)),
  ])
}

/** Nothing counts any more against these tasks. */
export async function forgetLoneLeases(run: Run, taskIds: readonly string[]): Promise<void> {
  await forget(run, taskIds, 'true')
}

function forget(run: Run, taskIds: readonly string[], which: 'taken_back' | 'true') {
  return run<[id: string]>(
    `WITH forgotten AS MATERIALIZED (
       SELECT id, token FROM @lone_leases WHERE id = ANY ($1::uuid[]) AND ${which} ORDER BY id, token FOR UPDATE
     )
     DELETE FROM @lone_leases l USING forgotten f WHERE l.id = f.id AND l.token = f.token RETURNING l.id`,
    [ids(taskIds)],
  )
}

/** Between two looks for what tasks have left that have ended. Milliseconds. */
const EVERY_MS = 15_000

/** @param nowMs a monotonic clock, ms */
export function createLoneLeases({ database }: StoreContext, nowMs: () => number) {
  let lookedAt = Number.NEGATIVE_INFINITY
  return {
    /** Removes those of tasks that have ended; quick when it is not yet time to look. */
    async forget(limit: number): Promise<void> {
      if (nowMs() - lookedAt < EVERY_MS) return
      const removed = await database.run(
        `DELETE FROM @lone_leases WHERE ctid = ANY (ARRAY(
           SELECT l.ctid FROM @lone_leases l
           WHERE NOT EXISTS (SELECT FROM @ready r WHERE r.id = l.id) AND NOT EXISTS (SELECT FROM @scheduled s WHERE s.id = l.id)
             AND NOT EXISTS (SELECT FROM @leases h WHERE h.id = l.id)
           LIMIT $1 FOR UPDATE OF l SKIP LOCKED
         )) RETURNING 1`,
        [limit],
      )
      if (removed.length < limit) lookedAt = nowMs()
    },
  }
}
