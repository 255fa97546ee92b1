import { LIMITS, TERMINAL_STATUS_NUMBER, toErrorText } from '@taskyard/core'
import { ids, numbers } from '../arrays.ts'
import type { Run } from '../database.ts'
import {
  type Carried,
  type Counter,
  count,
  type HistoryLine,
  ROW_OVERHEAD_BYTES,
  SETTLED_AS,
  type Transitions,
  UNSETTLED,
} from './transitions.ts'

/** Writes the transitions, in one round trip. The caller has taken the tasks from where they were, and counted that. */
export async function writeTransitions(run: Run, transitions: Transitions, now: number): Promise<void> {
  const writes = [
    writeReady(run, transitions),
    writeScheduled(run, transitions),
    writeFinished(run, transitions, now),
    writeHistory(run, transitions.history),
  ]
  await Promise.all([...writes, writeCounts(run, transitions)])
}

async function writeReady(run: Run, transitions: Transitions): Promise<void> {
  const { ready } = transitions
  if (ready.length === 0) return
  for (const { lane } of ready) count(transitions, lane, 'queued', 1)
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

async function writeScheduled(run: Run, transitions: Transitions): Promise<void> {
  const { scheduled } = transitions
  if (scheduled.length === 0) return
  for (const { lane } of scheduled) count(transitions, lane, 'scheduled', 1)
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

async function writeFinished(run: Run, transitions: Transitions, now: number): Promise<void> {
  const { finished } = transitions
  if (finished.length === 0) return
  const errors = finished.map(({ error }) => (error === null ? null : toErrorText(error)))
  const bytes = finished.map((task, i) => ROW_OVERHEAD_BYTES + task.bytes + (errors[i]?.length ?? 0))
  finished.forEach(({ lane, status }, i) => {
    count(transitions, lane, status, 1)
    count(transitions, lane, 'finished_total', 1)
    count(transitions, lane, 'finished_bytes', bytes[i] as number)
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
      numbers(finished.map(({ status }) => TERMINAL_STATUS_NUMBER[status])),
      numbers(finished.map(({ settledAs }) => (settledAs === null ? UNSETTLED : SETTLED_AS[settledAs]))),
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

async function writeCounts(run: Run, { counts }: Transitions): Promise<void> {
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
