import {
  type EndedLease,
  type EndLeasesParams,
  type ExtendParams,
  type ExtendStatus,
  isLeaseRef,
  type LeaseRef,
  type LeaseStatus,
  LIMITS,
  type RecordParams,
  spreadJitter,
  type WorkerName,
  workerKey,
} from '@taskyard/core'
import { ids, numbers } from '../arrays.ts'
import type { Database, Run } from '../database.ts'
import type { Text } from '../driver.ts'
import { namespaceOf } from '../lanes.ts'
import type { ServerTime } from '../server-time.ts'
import type { StoreContext } from '../store-context.ts'
import { Endings, type UnsettledEnd, writeEndings } from './end-attempts.ts'
import { LEASE_COLUMNS, type Lease, leaseFromRow } from './lease-row.ts'
import { addLoneLeases, withoutTakenBack } from './lone-leases.ts'
import { storable, workerKeySql } from './presence.ts'
import type { HistoryLine } from './transitions.ts'
import { writeHistory } from './write-transitions.ts'

type Indexed = readonly [index: number, lease: LeaseRef]

/** Heartbeats. Those that are free are extended first: they must not run out while a lease that somebody locks is waited for. */
export async function extend(
  { database, time }: { database: Pick<Database, 'run'>; time: ServerTime },
  { namespace, leases, leaseMs }: ExtendParams,
): Promise<ExtendStatus[]> {
  const statuses: ExtendStatus[] = leases.map(() => 'lost')

  /** @returns those that are locked */
  async function extendWith(
    statement: string,
    some: readonly Indexed[],
    ...more: string[]
  ): Promise<readonly Indexed[]> {
    const rows = await database.run<[n: string, isCancelled: Text]>(statement, [
      ...time.params(),
      leaseMs,
      ids(some.map(([, { taskId }]) => taskId)),
      numbers(some.map(([, { token }]) => token)),
      ...more,
    ])
    const locked: Indexed[] = []
    for (const [n, isCancelled] of rows) {
      const one = some[Number(n) - 1] as Indexed
      if (isCancelled === null) locked.push(one)
      else statuses[one[0]] = isCancelled === 't' ? 'cancel' : 'ok'
    }
    return locked
  }

  const valid = [...leases.entries()].filter(([, lease]) => isLeaseRef(lease))
  const free = 'SELECT n, is_cancelled FROM @extend_free_leases_2($1, $2, $3, $4, $5, $6)'
  const locked = await extendWith(free, valid, namespace)
  if (locked.length > 0) await extendWith('SELECT n, is_cancelled FROM @extend_leases($1, $2, $3, $4, $5)', locked)
  return statuses
}

type HeldRow = [id: string, token: string, attempt: string, records: string, total: string, now: string]

/** The port's `record`, in one transaction: the leases are locked in the order of their ids, and their lines counted. */
export function record({ database, time }: StoreContext, { namespace, entries }: RecordParams): Promise<LeaseStatus[]> {
  const valid = entries.filter(isLeaseRef)
  return database.transaction(async (run) => {
    const rows = await run<HeldRow>(
      `SELECT l.id, l.token, l.attempt, l.records, (SELECT count(*) FROM @history h WHERE h.id = l.id), @server_now($1, $2)
       FROM @leases l
       WHERE (l.id, l.token) IN (SELECT * FROM unnest($3::uuid[], $4::integer[])) AND ${namespaceOf('l')} = $5
       ORDER BY l.id FOR UPDATE OF l`,
      [...time.params(), ids(valid.map(({ taskId }) => taskId)), numbers(valid.map(({ token }) => token)), namespace],
    )
    const held = new Map(rows.map((row) => [`${row[0]} ${row[1]}`, createRecording(row)]))
    const statuses = entries.map(({ taskId, token, progress, log }): LeaseStatus => {
      const recording = held.get(`${taskId} ${token}`)
      if (recording === undefined) return 'lost'
      if (progress !== null) recording.add('progress', progress)
      if (log !== null) recording.add('log', JSON.stringify({ line: log }))
      return 'ok'
    })
    await writeRecordings(run, [...held.values()])
    return statuses
  })
}

function createRecording([id, token, attempt, records, total, now]: HeldRow) {
  const lines: HistoryLine[] = []
  let progress: string | null = null
  const room = Math.min(LIMITS.recordsPerAttempt - Number(records), LIMITS.recordsPerTask - Number(total))
  return {
    id,
    lines,
    progress: () => progress,
    add(kind: 'progress' | 'log', data: string) {
      if (kind === 'progress') progress = data
      if (lines.length >= room) return
      lines.push({ id, at: Number(now), kind, attempt: Number(attempt), token: Number(token), data })
    },
  }
}

async function writeRecordings(run: Run, recordings: readonly ReturnType<typeof createRecording>[]): Promise<void> {
  if (recordings.length === 0) return
  const counted = run(
    `UPDATE @leases l SET records = l.records + r.added, progress = coalesce(r.progress, l.progress)
     FROM unnest($1::uuid[], $2::integer[], $3::text[]) AS r (id, added, progress) WHERE l.id = r.id`,
    [
      ids(recordings.map(({ id }) => id)),
      numbers(recordings.map(({ lines }) => lines.length)),
      recordings.map((recording) => recording.progress()) as string[],
    ],
  )
  await Promise.all([
    counted,
    writeHistory(
      run,
      recordings.flatMap(({ lines }) => lines),
    ),
  ])
}

/** The port's `endLeases`. Whether a worker is alive is asked in the statement itself: a beat that comes first saves its leases. */
export function endLeases(context: StoreContext, { workers }: EndLeasesParams): Promise<readonly EndedLease[]> {
  const living = '@nodes WHERE until > @server_now($1, $2)'
  const key = workerKeySql(namespaceOf('l'), 'l.worker_id')
  const where = `l.worker_id = ANY ($3) AND ${key} = ANY ($4) AND (l.session OR l.node_id IS NOT NULL)
    AND ${key} NOT IN (SELECT unnest(worker_ids) FROM ${living})
    AND (l.node_id IS NULL OR l.node_id NOT IN (SELECT node_id FROM ${living}))`
  return endWhere(context, where, namesOf(workers), () => ({ reason: 'expired', jitter: 0, isDead: true }))
}

export interface OverdueParams {
  readonly cancelGraceMs: number
  readonly limit: number
  readonly jitter: number
}

/**
 * Ends leases that are past their end, their task's deadline, or the grace of a cancel request. Leases that were due
 * before `dueAfter` (ms) have been looked at before.
 */
export function endOverdueLeases(
  context: StoreContext,
  { cancelGraceMs, limit, jitter }: OverdueParams,
  dueAfter: number,
): Promise<readonly EndedLease[]> {
  // The first line holds for the row as it is once it is locked: it may have been extended since it was looked up.
  const where = `(l.due_at <= @server_now($1, $2) OR l.cancel_requested_at <= @server_now($1, $2) - $3)
    AND l.id IN (
      SELECT id FROM @leases WHERE due_at > $5 AND due_at <= (SELECT @server_now($1, $2))
      UNION ALL SELECT id FROM @leases WHERE cancel_requested_at <= (SELECT @server_now($1, $2)) - $3
    ) LIMIT $4`
  return endWhere(context, where, [cancelGraceMs, limit, dueAfter], (lease, now, index) => {
    const { cancelRequestedAt, deadlineAt } = lease
    const isDead = !lease.isWatched
    if (cancelRequestedAt !== null && cancelRequestedAt <= now - cancelGraceMs)
      return { reason: 'cancelled', jitter: 0, isDead }
    if (deadlineAt !== null && deadlineAt <= now)
      return { reason: 'timeout', jitter: spreadJitter(jitter, index), isDead }
    return { reason: 'expired', jitter: 0, isDead }
  })
}

/** Ends the leases of a condition, of which `$1` and `$2` are the time. One that somebody writes to now is passed over. */
async function endWhere(
  { database, lanes, time, publishReady }: StoreContext,
  where: string,
  values: readonly (number | readonly string[])[],
  why: (lease: Lease, now: number, index: number) => Omit<UnsettledEnd, 'isAlone'>,
): Promise<readonly EndedLease[]> {
  const { transitions, ended } = await database.transaction(async (run) => {
    // Which workers hold several is counted by the very statement that locks: of two that end leases of one worker at the same
    // moment, the later one then sees the other's lease, or the mark that the other has left. As it is written, the server looks
    // workers up in a hash table, and counts nothing when nothing ends.
    const rows = await run(
      `WITH ending AS MATERIALIZED (
         SELECT @server_now($1, $2) AS now, l.had_company, ${namespaceOf('l')} AS namespace, ${LEASE_COLUMNS}
         FROM @leases l JOIN @tasks t ON t.id = l.id
         WHERE ${where} FOR UPDATE OF l SKIP LOCKED
       ), with_several AS MATERIALIZED (
         SELECT ${namespaceOf('of_lane')} AS namespace, worker_id FROM (
           SELECT lane, worker_id, count(*) AS leases FROM @leases WHERE (worker_id IN (SELECT worker_id FROM ending)) IS TRUE GROUP BY 1, 2
         ) AS of_lane GROUP BY 1, 2 HAVING sum(leases) > 1
       )
       SELECT had_company OR (namespace, worker_id) IN (SELECT namespace, worker_id FROM with_several), * FROM ending`,
      [...time.params(), ...values],
    )
    const now = time.saw(rows[0]?.[1] ?? 0)
    const endings = new Endings(now)
    const ending = await withoutTakenBack(
      run,
      rows.map(([, , , , ...row]) => leaseFromRow(row)),
    )
    const ended = ending.map((lease, index) => {
      const isAlone = rows[index]?.[0] === 'f'
      const namespace = rows[index]?.[3] as string
      const end = { ...why(lease, now, index), isAlone }
      return { lease, namespace, isAlone, reason: end.reason, taskStatus: endings.end(lease, end) }
    })
    const leases = ended.map(({ lease }) => lease)
    await writeEndings(run, leases, endings.transitions, now)
    await addLoneLeases(run, endings.lone)
    await rememberCompany(
      run,
      ended.filter(({ isAlone }) => !isAlone).map(({ namespace, lease: { workerId } }) => ({ namespace, workerId })),
    )
    return { transitions: endings.transitions, ended }
  })
  await lanes.load(new Set(ended.map(({ lease }) => lease.lane)))
  publishReady(transitions.ready.map(({ lane }) => lane))
  return ended.map(({ lease, namespace, reason, taskStatus }) => {
    const { queue, type } = lanes.get(lease.lane)
    return {
      taskId: lease.id,
      token: lease.token,
      reason,
      namespace,
      queue,
      type,
      workerId: lease.workerId,
      taskStatus,
    }
  })
}

/**
 * Of a dead worker leases may end one after the other: what it still holds was beside those that have ended. Who holds locks
 * already must not wait for more, so a lease is passed over that somebody writes to now: its worker, which lives, or a sweep.
 */
async function rememberCompany(run: Run, workers: readonly WorkerName[]): Promise<void> {
  if (workers.length === 0) return
  await run(
    `UPDATE @leases SET had_company = true WHERE id = ANY (ARRAY(
       SELECT id FROM @leases l
       WHERE worker_id = ANY ($1::text[]) AND ${workerKeySql(namespaceOf('l'), 'worker_id')} = ANY ($2::text[]) AND NOT had_company
       FOR UPDATE SKIP LOCKED
     ))`,
    namesOf(workers),
  )
}

/** Their ids, by which few leases are left to look at, and their keys. */
function namesOf(workers: readonly WorkerName[]): [workerIds: string[], keys: string[]] {
  const named = storable(workers)
  return [[...new Set(named.map(({ workerId }) => workerId))], [...new Set(named.map(workerKey))]]
}
