import {
  type Backoff,
  DEFAULT_BACKOFF,
  LIMITS,
  type TaskError,
  type TaskEventKind,
  type TerminalStatus,
} from '@taskyard/core'
import { ids, numbers } from '../arrays.ts'
import type { Run, Text } from '../database.ts'

/** A lease with what decides where its task goes next. */
export interface Lease {
  readonly id: string
  readonly lane: number
  readonly token: number
  readonly attempt: number
  readonly crashes: number
  readonly loneCrashes: number
  readonly seq: number
  readonly priority: number
  readonly workerId: string
  /** Somebody would notice if its worker died. */
  readonly isWatched: boolean
  readonly readyAt: number
  readonly startedAt: number
  readonly expiresAt: number
  readonly cancelRequestedAt: number | null
  readonly deadlineAt: number | null
  readonly progress: string | null
  readonly bytes: number
  readonly timeoutMs: number | null
  readonly maxAttempts: number
  readonly backoff: Backoff
}

export const LEASE_COLUMNS = `l.id, l.lane, l.token, l.attempt, l.crashes, l.priority, l.worker_id, l.ready_at, l.started_at,
  l.cancel_requested_at, l.deadline_at, l.progress, l.bytes, l.seq, t.max_attempts, t.backoff,
  round(t.timeout_seconds * 1000)::bigint, l.lone_crashes, l.session OR l.node_id IS NOT NULL, l.expires_at`

export function leaseFromRow(row: readonly Text[]): Lease {
  return {
    id: row[0] as string,
    lane: Number(row[1]),
    token: Number(row[2]),
    attempt: Number(row[3]),
    crashes: Number(row[4]),
    priority: Number(row[5]),
    workerId: row[6] as string,
    readyAt: Number(row[7]),
    startedAt: Number(row[8]),
    cancelRequestedAt: numberOrNull(row[9]),
    deadlineAt: numberOrNull(row[10]),
    progress: row[11] ?? null,
    bytes: Number(row[12]),
    seq: Number(row[13]),
    maxAttempts: Number(row[14]),
    backoff: backoffFromText(row[15]),
    timeoutMs: numberOrNull(row[16]),
    loneCrashes: Number(row[17]),
    isWatched: row[18] === 't',
    expiresAt: Number(row[19]),
  }
}

export function numberOrNull(text: Text | undefined): number | null {
  return text === null || text === undefined ? null : Number(text)
}

export function backoffFromText(text: Text | undefined): Backoff {
  return text === null || text === undefined ? DEFAULT_BACKOFF : (JSON.parse(text) as Backoff)
}

/** What the task carries to where it goes. */
interface Carried {
  readonly id: string
  readonly lane: number
  readonly token: number
  readonly attempt: number
  readonly crashes: number
}

export interface ToReady extends Carried {
  readonly loneCrashes: number
  /** Of the payload. */
  readonly bytes: number
  readonly timeoutMs: number | null
  /** Order of submission; `null`: it counts as submitted now. */
  readonly seq: number | null
  readonly readyAt: number
  readonly priority: number
}

export interface ToScheduled extends Carried {
  readonly loneCrashes: number
  readonly seq: number
  readonly runAt: number
}

export interface ToFinished extends Carried {
  readonly status: TerminalStatus
  /** How its worker ended it; `null`: it did not. */
  readonly settledAs: keyof typeof SETTLED_AS | null
  readonly startedAt: number | null
  readonly workerId: string | null
  readonly error: TaskError | null
  readonly progress: string | null
  /** Of the payload. */
  readonly bytes: number
}

export interface HistoryLine {
  readonly id: string
  readonly at: number
  readonly kind: Exclude<TaskEventKind, 'submitted' | 'started'>
  readonly attempt: number
  readonly token: number
  readonly startedAt?: number | null
  readonly workerId?: string | null
  readonly data?: string | null
  /** Of an attempt's end, `WITHOUT_WORD` or a number of `SETTLED_AS`. Left out: as its kind says. */
  readonly settledAs?: number | null
}

/** Where tasks go in one transaction, collected first so that each table is written once. */
export interface Moves {
  readonly ready: ToReady[]
  readonly scheduled: ToScheduled[]
  readonly finished: ToFinished[]
  readonly history: HistoryLine[]
  /** Changes of counters, by lane. */
  readonly counts: Map<number, Partial<Record<Counter, number>>>
}

export type Counter =
  | 'scheduled'
  | 'queued'
  | 'running'
  | 'succeeded'
  | 'failed'
  | 'cancelled'
  | 'finished_total'
  | 'finished_bytes'

/** Rough cost of a finished task's rows and index entries beside its texts, measured on ten million tasks. Bytes. */
export const ROW_OVERHEAD_BYTES = 360

/** How workers end tasks that do not succeed, as `finished` has it. */
export const SETTLED_AS = { failed: 2, cancelled: 3, released: 4 } as const
export const WITHOUT_WORD = 0

const STATUS_NUMBER: Readonly<Record<TerminalStatus, number>> = { succeeded: 1, failed: 2, cancelled: 3 }

export function newMoves(): Moves {
  return { ready: [], scheduled: [], finished: [], history: [], counts: new Map() }
}

export function count({ counts }: Moves, lane: number, counter: Counter, difference: number): void {
  const changes = counts.get(lane) ?? {}
  changes[counter] = (changes[counter] ?? 0) + difference
  counts.set(lane, changes)
}

/** Writes the moves, in one round trip. The caller has taken the tasks from where they were, and counted that. */
export async function writeMoves(run: Run, moves: Moves, now: number): Promise<void> {
  const writes = [
    writeReady(run, moves),
    writeScheduled(run, moves),
    writeFinished(run, moves, now),
    writeHistory(run, moves.history),
  ]
  await Promise.all([...writes, writeCounts(run, moves)])
}

async function writeReady(run: Run, moves: Moves): Promise<void> {
  const { ready } = moves
  if (ready.length === 0) return
  for (const { lane } of ready) count(moves, lane, 'queued', 1)
  await run(
    `INSERT INTO @ready (id, lane, token, attempt, crashes, lone_crashes, ready_at, rank, bytes, timeout_ms, seq)
     SELECT id, lane, token, attempt, crashes, lone_crashes, ready_at, rank, bytes, nullif(timeout_ms, -1),
       coalesce(nullif(seq, 0), nextval('@submissions') * 4096)
     FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::smallint[], $5::smallint[], $6::smallint[], $7::bigint[],
       $8::smallint[], $9::integer[], $10::bigint[], $11::bigint[])
       AS r (id, lane, token, attempt, crashes, lone_crashes, ready_at, rank, bytes, timeout_ms, seq)`,
    [
      ...carriedColumns(ready),
      numbers(ready.map(({ loneCrashes }) => loneCrashes)),
      numbers(ready.map(({ readyAt }) => readyAt)),
      numbers(ready.map(({ priority }) => -priority)),
      numbers(ready.map(({ bytes }) => bytes)),
      numbers(ready.map(({ timeoutMs }) => timeoutMs ?? -1)),
      numbers(ready.map(({ seq }) => seq ?? 0)),
    ],
  )
}

async function writeScheduled(run: Run, moves: Moves): Promise<void> {
  const { scheduled } = moves
  if (scheduled.length === 0) return
  for (const { lane } of scheduled) count(moves, lane, 'scheduled', 1)
  await run(
    `INSERT INTO @scheduled (id, lane, token, attempt, crashes, lone_crashes, run_at, seq)
     SELECT * FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::smallint[], $5::smallint[], $6::smallint[], $7::bigint[],
       $8::bigint[])`,
    [
      ...carriedColumns(scheduled),
      numbers(scheduled.map(({ loneCrashes }) => loneCrashes)),
      numbers(scheduled.map(({ runAt }) => runAt)),
      numbers(scheduled.map(({ seq }) => seq)),
    ],
  )
}

async function writeFinished(run: Run, moves: Moves, now: number): Promise<void> {
  const { finished } = moves
  if (finished.length === 0) return
  const errors = finished.map(({ error }) => (error === null ? null : JSON.stringify(error)))
  const bytes = finished.map((task, i) => ROW_OVERHEAD_BYTES + task.bytes + (errors[i]?.length ?? 0))
  finished.forEach(({ lane, status }, i) => {
    count(moves, lane, status, 1)
    count(moves, lane, 'finished_total', 1)
    count(moves, lane, 'finished_bytes', bytes[i] as number)
  })
  await run(
    `INSERT INTO @finished (id, lane, token, attempt, crashes, status, settled_as, bytes, started_at, finished_at, worker_id, error,
       progress)
     SELECT id, lane, token, attempt, crashes, status, settled_as, bytes, nullif(started_at, -1), $13, worker_id, error, progress
     FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::smallint[], $5::smallint[], $6::smallint[], $7::smallint[],
       $8::integer[], $9::bigint[], $10::text[], $11::text[], $12::text[])
       AS f (id, lane, token, attempt, crashes, status, settled_as, bytes, started_at, worker_id, error, progress)`,
    [
      ...carriedColumns(finished),
      numbers(finished.map(({ status }) => STATUS_NUMBER[status])),
      numbers(finished.map(({ settledAs }) => (settledAs === null ? WITHOUT_WORD : SETTLED_AS[settledAs]))),
      numbers(bytes),
      numbers(finished.map(({ startedAt }) => startedAt ?? -1)),
      finished.map(({ workerId }) => workerId) as string[],
      errors as string[],
      finished.map(({ progress }) => progress) as string[],
      now,
    ],
  )
}

/** Appends to histories. Whoever writes has the task's row locked, so that the numbers follow each other. */
export async function writeHistory(run: Run, lines: readonly HistoryLine[]): Promise<void> {
  if (lines.length === 0) return
  await run(
    `INSERT INTO @history (id, n, at, kind, attempt, token, started_at, worker_id, data, settled_as)
     SELECT id, last + row_number() OVER (PARTITION BY id ORDER BY ord), at, kind, attempt, token, nullif(started_at, -1), worker_id, data,
       nullif(settled_as, -1)
     FROM (
       SELECT i.*, coalesce((SELECT max(h.n) FROM @history h WHERE h.id = i.id), 0) AS last
       FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::smallint[], $5::integer[], $6::bigint[], $7::text[], $8::text[],
         $10::smallint[]) WITH ORDINALITY AS i (id, at, kind, attempt, token, started_at, worker_id, data, settled_as, ord)
     ) AS numbered
     WHERE last < $9 OR kind NOT IN ('retry-scheduled', 'released', 'lease-expired')`,
    [
      ids(lines.map(({ id }) => id)),
      numbers(lines.map(({ at }) => at)),
      lines.map(({ kind }) => kind),
      numbers(lines.map(({ attempt }) => attempt)),
      numbers(lines.map(({ token }) => token)),
      numbers(lines.map(({ startedAt }) => startedAt ?? -1)),
      lines.map(({ workerId }) => workerId ?? null) as string[],
      lines.map(({ data }) => data ?? null) as string[],
      ENDS_OF_ATTEMPTS,
      numbers(lines.map(({ settledAs }) => settledAs ?? -1)),
    ],
  )
}

/** Ends of attempts kept per task: beyond them only progress and the end itself are told. */
const ENDS_OF_ATTEMPTS = LIMITS.maxAttempts * 10

const COUNTERS = [
  'scheduled',
  'queued',
  'running',
  'succeeded',
  'failed',
  'cancelled',
  'finished_total',
  'finished_bytes',
] as const satisfies readonly Counter[]

async function writeCounts(run: Run, { counts }: Moves): Promise<void> {
  if (counts.size === 0) return
  const changes = [...counts]
  await run(
    `INSERT INTO @counter_changes (lane, ${COUNTERS.join(', ')})
     SELECT * FROM unnest($1::integer[], $2::integer[], $3::integer[], $4::integer[], $5::integer[], $6::integer[],
       $7::integer[], $8::integer[], $9::bigint[])`,
    [
      numbers(changes.map(([lane]) => lane)),
      ...COUNTERS.map((counter) => numbers(changes.map(([, change]) => change[counter] ?? 0))),
    ],
  )
}

function carriedColumns(tasks: readonly Carried[]): string[] {
  return [
    ids(tasks.map(({ id }) => id)),
    numbers(tasks.map(({ lane }) => lane)),
    numbers(tasks.map(({ token }) => token)),
    numbers(tasks.map(({ attempt }) => attempt)),
    numbers(tasks.map(({ crashes }) => crashes)),
  ]
}
