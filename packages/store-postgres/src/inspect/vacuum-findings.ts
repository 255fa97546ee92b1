import { type Finding, finding } from '@taskyard/core'
import type { Run } from '../database.ts'
import type { Text } from '../driver.ts'
import { inBytes, inCount, inTime } from './amounts.ts'

/** A transaction this old is worth a look; twelve times as old it is a problem. Seconds. */
const OLD_SECONDS = 300

const KEPT = 'no vacuum can remove what tasks have left since'

type Session = [pid: string, role: string, application: string, state: Text, client: Text, seconds: string]

/** Whoever still sees an old state of the database keeps every row that was alive then. */
export async function oldestTransaction(run: Run, oldSeconds = OLD_SECONDS): Promise<Finding> {
  const [session] = await run<Session>(
    `SELECT pid, coalesce(usename, backend_type), application_name, state, client_addr,
       extract(epoch FROM clock_timestamp() - coalesce(xact_start, backend_start))
     FROM pg_stat_activity
     WHERE (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL OR state LIKE 'idle in transaction%') AND pid <> pg_backend_pid()
       AND (datname = current_database() OR backend_type = 'walsender') AND query NOT LIKE 'autovacuum:%'
     ORDER BY coalesce(xact_start, backend_start) LIMIT 1`,
  )
  const [[seesAll] = []] = await run<[string]>(`SELECT pg_has_role('pg_read_all_stats', 'USAGE')`)
  const view = seesAll === 't' ? '' : ' among this role’s own (GRANT pg_read_all_stats to it to see the others)'
  if (session === undefined) return finding.ok('transactions', `none open${view}`)
  const [pid, role, application, state, client, age] = session
  const seconds = Number(age)
  const who = `${role}${application === '' ? '' : `, ${application}`}${client === null ? '' : `, from ${client}`}`
  const detail = `the oldest${view} is ${inTime(seconds)} old: process ${pid} (${who}), ${state ?? 'running'}`
  if (seconds < oldSeconds) return finding.ok('transactions', detail)
  const advice = `End it with SELECT pg_terminate_backend(${pid}), and set idle_in_transaction_session_timeout.`
  const told = `${detail}; ${KEPT}`
  return seconds < oldSeconds * 12
    ? finding.warning('transactions', told, advice)
    : finding.problem('transactions', told, advice)
}

/** Prepared transactions that nobody ends keep dead rows and locks for ever; from `oldSeconds` on a problem. */
export async function preparedTransactions(run: Run, oldSeconds = OLD_SECONDS): Promise<Finding> {
  const [oldest] = await run<[gid: string, seconds: string]>(
    'SELECT gid, extract(epoch FROM clock_timestamp() - prepared) FROM pg_prepared_xacts ORDER BY prepared LIMIT 1',
  )
  if (oldest === undefined) return finding.ok('prepared', 'no transaction waits for its second phase')
  const [gid, seconds] = oldest
  const detail = `transaction ${JSON.stringify(gid)} waits for its second phase since ${inTime(Number(seconds))}`
  if (Number(seconds) < oldSeconds) return finding.ok('prepared', detail)
  return finding.problem('prepared', `${detail}; ${KEPT}`, 'COMMIT PREPARED or ROLLBACK PREPARED it.')
}

type ReplicationSlot = [name: string, keepsRows: string, walBytes: string]

/** Replication slots without a reader keep the server's log, and may keep dead rows. */
export async function replicationSlots(run: Run): Promise<Finding> {
  const abandoned = await run<ReplicationSlot>(
    `SELECT slot_name, xmin IS NOT NULL OR catalog_xmin IS NOT NULL, coalesce(pg_wal_lsn_diff(
       CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, restart_lsn), 0)
     FROM pg_replication_slots WHERE NOT active ORDER BY 3 DESC`,
  )
  if (abandoned.length === 0) return finding.ok('slots', 'none without a reader')
  const names = abandoned.map(([name]) => name).join(', ')
  const bytes = Math.max(...abandoned.map(([, , wal]) => Number(wal)))
  const rows = abandoned.some(([, keepsRows]) => keepsRows === 't') ? `; ${KEPT}` : ''
  const detail = `${names} without a reader: ${inBytes(bytes)} of log kept, until the disk is full${rows}`
  return finding.warning('slots', detail, 'Bring the reader back, or SELECT pg_drop_replication_slot(…).')
}

const HOT = ['ready', 'leases', 'scheduled', 'counters', 'counter_changes', 'claim_requests', 'ready_lanes']
const MANY_DEAD = 500_000

/** Rows of these live for moments: when many are dead, claims have to walk over them. */
export async function deadRows(run: Run, schema: string, many = MANY_DEAD): Promise<Finding> {
  const rows = await run<[table: string, dead: string, live: string, bytes: string]>(
    `SELECT relname, n_dead_tup, n_live_tup, pg_total_relation_size(relid) FROM pg_stat_user_tables
     WHERE schemaname = $1 AND relname = ANY ($2::text[]) ORDER BY n_dead_tup DESC`,
    [schema, HOT],
  )
  const [worst] = rows
  const bytes = rows.reduce((sum, [, , , size]) => sum + Number(size), 0)
  const [table, dead, live] = worst ?? ['', '0', '0']
  const detail = `${inCount(Number(dead))} in ${table}, ${inCount(Number(live))} alive; the hot tables take ${inBytes(bytes)}`
  if (Number(dead) < Math.max(many, Number(live))) return finding.ok('dead rows', detail)
  const advice = 'Look for what keeps them: an old transaction, a slot without a reader, a vacuum that does not get on.'
  return finding.warning('dead rows', detail, advice)
}
