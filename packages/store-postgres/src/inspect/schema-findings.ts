import { type Finding, finding } from '@taskyard/core'
import type { Run } from '../database.ts'
import type { Text } from '../driver.ts'
import { inBytes, inCount, inTime } from './amounts.ts'

/** The version of the schema; `null` when there is none. */
export async function schemaVersion(run: Run, schema: string): Promise<number | null> {
  const [[table] = []] = await run<[Text]>(`SELECT to_regclass(quote_ident($1) || '.schema_version')::text`, [schema])
  if (table === null || table === undefined) return null
  const [[version] = []] = await run<[Text]>('SELECT max(version) FROM @schema_version')
  return version === null || version === undefined ? null : Number(version)
}

/** Whether this Taskyard and the schema fit. `found` is `null` where there is none yet. */
export function schemaFinding(schema: string, found: number | null, known: number): Finding {
  if (found === null)
    return finding.ok('schema', `"${schema}" is not there yet; the first start, or taskyard migrate, makes it`)
  const detail = `"${schema}" has version ${found}, this Taskyard makes version ${known}`
  if (found > known) return finding.problem('schema', detail, 'Upgrade Taskyard.')
  return found < known
    ? finding.warning('schema', detail, 'Run taskyard migrate.')
    : finding.ok('schema', `"${schema}", version ${found}`)
}

/** The tables of `0001-tasks.sql` that are split into slots, and the rest. */
const KINDS = ['tasks', 'finished', 'history', 'task_tags']

/** What the schema takes on disk with its indexes, by kind of table; never a problem by itself. */
export async function sizes(run: Run, schema: string): Promise<Finding> {
  const rows = await run<[kind: string, bytes: string]>(
    `SELECT coalesce(substring(relname FROM $2), 'other') AS kind, sum(pg_total_relation_size(oid))
     FROM pg_class WHERE relkind = 'r' AND relnamespace = to_regnamespace(quote_ident($1)) GROUP BY 1 ORDER BY 2 DESC`,
    [schema, `^(${KINDS.join('|')})_(?:s\\d+|kept)$`],
  )
  const total = rows.reduce((sum, [, bytes]) => sum + Number(bytes), 0)
  const parts = rows.map(([kind, bytes]) => `${kind} ${inBytes(Number(bytes))}`).join(', ')
  return finding.ok('size', `${inBytes(total)}: ${parts}`)
}

const SLOTS_LATE_MS = 3_600_000
const MANY_SLOTS = 1000

/** The sweeper makes slots ahead of time and drops those whose tasks are over their retention. */
export async function timeSlots(run: Run): Promise<Finding> {
  const [row] = await run<[slots: string, endedForMs: Text, outside: Text]>(
    `SELECT count(*), (extract(epoch FROM clock_timestamp()) * 1000)::bigint - max(to_at),
       (SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = '@tasks_kept'::regclass) FROM @slots`,
  )
  const [slots, endedForMs, outside] = (row ?? []).map(Number) as [number, number, number]
  const detail = `slots of time: ${inCount(slots)}; tasks outside of them: about ${inCount(outside)}`
  if (slots > 0 && endedForMs > SLOTS_LATE_MS) {
    const advice = 'Run a server whose TASKYARD_ROLES have scheduler, and look at its log.'
    return finding.warning('time slots', `the last one ended ${inTime(endedForMs / 1000)} ago: nobody sweeps`, advice)
  }
  if (slots > MANY_SLOTS)
    return finding.warning('time slots', detail, 'Lower TASKYARD_RETENTION_DAYS: planning takes longer.')
  return finding.ok('time slots', detail)
}

const LOOKS = 5
const SLOW_MS = 50

/** @param nowMs a monotonic clock, ms */
export async function claimTime(run: Run, schema: string, nowMs: () => number): Promise<Finding> {
  const looks: number[] = []
  for (let look = 0; look < LOOKS; look++) {
    const from = nowMs()
    await run('SELECT count(*) FROM @oldest_ready(ARRAY(SELECT lane FROM @lanes))')
    looks.push(nowMs() - from)
  }
  const median = looks.sort((one, other) => one - other)[Math.floor(LOOKS / 2)] as number
  // Only where track_functions is on.
  const [counted] = await run<[calls: string, meanMs: string]>(
    `SELECT sum(calls), sum(total_time) / sum(calls) FROM pg_stat_user_functions
     WHERE schemaname = $1 AND funcname LIKE 'claim\\_tasks%' HAVING sum(calls) > 0`,
    [schema],
  )
  const mean = Number(counted?.[1] ?? 0)
  const told =
    counted === undefined ? '' : `; ${inCount(Number(counted[0]))} claims took ${mean.toFixed(1)} ms on average`
  const detail = `a look at the heads of all queues takes ${median.toFixed(1)} ms${told}`
  if (Math.max(median, mean) < SLOW_MS) return finding.ok('claims', detail)
  return finding.warning(
    'claims',
    detail,
    'Look at dead rows, old transactions, a busy disk, and the network in between.',
  )
}
