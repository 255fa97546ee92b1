import { type Clock, type Finding, finding } from '@taskyard/core'
import type { Run } from '../database.ts'
import type { Text } from '../driver.ts'
import { MAINTENANCE_CONNECTIONS } from '../maintenance.ts'
import { wrongSettings } from '../server-settings.ts'
import { inBytes, inCount, inTime } from './amounts.ts'

/** Settings of the server that the store refuses to work with. */
export async function settings(run: Run): Promise<Finding> {
  const wrong = await wrongSettings(run)
  if (wrong.length === 0)
    return finding.ok('settings', 'the database holds every character (UTF8), and no setting is in the way')
  const advice = wrong.map((each) => each.advice).join(' ')
  return finding.problem('settings', wrong.map(({ detail }) => detail).join('; '), advice)
}

/** Without checksums a damaged page is not noticed: a warning. */
export async function checksums(run: Run): Promise<Finding> {
  const [[setting] = []] = await run<[string]>(`SELECT current_setting('data_checksums')`)
  if (setting === 'on') return finding.ok('checksums', 'on: a page that the disk has damaged is noticed')
  const advice = 'With the server stopped: pg_checksums --enable.'
  return finding.warning('checksums', 'off: a page that the disk has damaged is read as if it were whole', advice)
}

/** Whether the server vacuums by itself, and counts what there is to vacuum. */
export async function autovacuum(run: Run): Promise<Finding> {
  const [row] = await run<[string, string]>(`SELECT current_setting('autovacuum'), current_setting('track_counts')`)
  if (row?.[0] === 'on' && row[1] === 'on') return finding.ok('autovacuum', 'on')
  const advice = 'Set autovacuum and track_counts to on: without vacuum the queue gets slower from hour to hour.'
  return finding.problem('autovacuum', 'off: rows of tasks that have moved on stay for ever', advice)
}

const CLOCK_MS = 1000

/** Times are the server's; ids are made by this machine's clock, and the slots that tasks are kept in go by the ids. */
export async function clockDifference(run: Run, clock: Clock): Promise<Finding> {
  const before = clock.now()
  const [[theirs] = []] = await run<[string]>('SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint')
  const after = clock.now()
  const nearest = Math.min(Math.max(Number(theirs), before), after)
  const differenceMs = Math.abs(Number(theirs) - nearest)
  const detail = `this machine and the server differ by ${inTime(differenceMs / 1000)}`
  if (differenceMs < CLOCK_MS) return finding.ok('clocks', 'this machine and the server agree')
  return finding.warning(
    'clocks',
    detail,
    'Keep both in step with NTP: filters by time have to look further than they need to.',
  )
}

/** One that listens, one that extends leases from a thread of its own, and those of chores. */
const BESIDE = 2 + MAINTENANCE_CONNECTIONS

/** Whether the server has connections left for a process like this. `own` is its `?connections=`. */
export async function connections(run: Run, own: number): Promise<Finding> {
  const [row] = await run<[most: string, used: string]>(
    `SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid())`,
  )
  const [most, used] = (row ?? []).map(Number) as [number, number]
  const detail = `${used} of ${most} in use; a process of Taskyard takes up to ${own + BESIDE}`
  const advice = 'Raise max_connections, lower ?connections= in TASKYARD_STORE, or put PgBouncer in between.'
  if (most - used < own + BESIDE) return finding.problem('connections', detail, advice)
  return used > most * 0.8 ? finding.warning('connections', detail, advice) : finding.ok('connections', detail)
}

type Standby = [name: string, state: Text, lagSeconds: Text, unsentBytes: Text]

/** Whether this is the primary, and how its standbys keep up. */
export async function replication(run: Run): Promise<Finding> {
  const [[isStandby, wanted] = []] = await run<[string, string]>(
    `SELECT pg_is_in_recovery(), current_setting('synchronous_standby_names')`,
  )
  if (isStandby === 't') {
    const advice = 'Let TASKYARD_STORE lead to the primary.'
    return finding.problem('replication', 'this server is a standby: it takes no writes', advice)
  }
  const standbys = await run<Standby>(
    `SELECT application_name, sync_state, extract(epoch FROM replay_lag), pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)
     FROM pg_stat_replication ORDER BY sync_state DESC`,
  )
  return standbysFinding(standbys, wanted ?? '')
}

const LAG_SECONDS = 10

/** What the standbys mean for a fail-over. `wanted` is `synchronous_standby_names`, empty where commits wait for none. */
export function standbysFinding(standbys: readonly Standby[], wanted: string): Finding {
  const names = standbys.map(([name, state]) => `${name} (${state ?? 'hidden'})`).join(', ')
  const isSynchronous = standbys.some(([, state]) => state === 'sync' || state === 'quorum')
  if (wanted !== '' && standbys.every(([, state]) => state === 'async')) {
    const detail = `synchronous_standby_names is ${wanted}, and none of these is connected: commits wait`
    return finding.problem('replication', detail, 'Bring a standby back, or take its name out of the setting.')
  }
  if (standbys.length === 0) return finding.ok('replication', 'no standby: what this server’s disk loses is lost')
  const [, , lag, bytes] = standbys.reduce((worst, each) => (Number(each[2]) > Number(worst[2]) ? each : worst))
  if (Number(lag) > LAG_SECONDS) {
    const detail = `${names}, behind by ${inTime(Number(lag))} and ${inBytes(Number(bytes))}`
    return finding.warning(
      'replication',
      detail,
      'A fail-over now would take long: look at the standby’s disk and network.',
    )
  }
  if (isSynchronous || standbys.some(([, state]) => state === null)) return finding.ok('replication', names)
  const detail = `${names}: a fail-over can lose what was acknowledged last`
  return finding.warning('replication', detail, 'Set synchronous_standby_names where no acknowledged task may be lost.')
}

const AGE_LIMIT = 2_000_000_000

/** https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-WRAPAROUND */
export async function transactionIds(run: Run): Promise<Finding> {
  const [row] = await run<[string, string]>(
    `SELECT max(age(datfrozenxid)), 2 * current_setting('autovacuum_freeze_max_age')::bigint FROM pg_database`,
  )
  const [age, late] = (row ?? []).map(Number) as [number, number]
  const detail = `oldest ${inCount(age)} transactions old; the server stops at about ${inCount(AGE_LIMIT)}`
  const advice = 'Vacuum is behind: end old transactions, then run vacuumdb --freeze on the database that is oldest.'
  if (age > AGE_LIMIT * 0.75) return finding.problem('transaction ids', detail, advice)
  return age > late ? finding.warning('transaction ids', detail, advice) : finding.ok('transaction ids', detail)
}
