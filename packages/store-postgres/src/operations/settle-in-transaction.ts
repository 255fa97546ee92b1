import type { Settlement } from '@taskyard/core'
import { ids, numbers } from '../arrays.ts'
import type { Run } from '../database.ts'
import type { Text } from '../driver.ts'
import { namespaceOf } from '../lanes.ts'
import { partsBySize, STATEMENT_SIZE } from '../parts-by-size.ts'
import { mayHaveChanged } from '../postgres-errors.ts'
import type { StoreContext } from '../store-context.ts'
import { type Ended, Endings, type OtherSettlement, writeEndings } from './end-attempts.ts'
import { LEASE_COLUMNS, type Lease, leaseFromRow } from './lease-row.ts'
import {
  type Indexed,
  oncePerLease,
  type Results,
  type Succeeded,
  settleStatement,
  takeSettled,
} from './settle-succeeded.ts'
import type { Transitions } from './transitions.ts'

/** Ends leases in whatever way, all or nothing. */
export async function settleInTransaction(
  context: StoreContext,
  namespace: string,
  settlements: readonly Indexed<Settlement>[],
  results: Results,
): Promise<void> {
  const { now, others, transitions, successes } = await context.database.transaction(async (run) => {
    const { now, held } = await lockHeld(run, context, namespace, settlements)
    const mine = oncePerLease(settlements.filter(([, settlement]) => isHeld(settlement, held.get(settlement.taskId))))
    // One after the other: what fails must leave nothing that would go on after the rollback.
    const ended = await settleOthers(run, mine.filter(isOther), held, now)
    const successes = await settleSuccesses(run, namespace, mine.filter(isSuccess), now)
    return { now, ...ended, successes }
  })
  context.publishReady(transitions.ready.map(({ lane }) => lane))
  await takeAll(context, others, successes, now, results).catch(mayHaveChanged)
}

/** Not one that gives the lease back as it was, where it has been extended since. */
function isHeld(settlement: Settlement, lease: Lease | undefined): boolean {
  if (lease?.token !== settlement.token) return false
  return settlement.outcome !== 'released' || (settlement.expiresAt ?? lease.expiresAt) === lease.expiresAt
}

function isSuccess(one: Indexed<Settlement>): one is Indexed<Succeeded> {
  return one[1].outcome === 'succeeded'
}

function isOther(one: Indexed<Settlement>): one is Indexed<OtherSettlement> {
  return !isSuccess(one)
}

/** In the order of their ids, so that nobody waits in a circle. */
async function lockHeld(
  run: Run,
  { time }: StoreContext,
  namespace: string,
  settlements: readonly Indexed<Settlement>[],
): Promise<{ now: number; held: ReadonlyMap<string, Lease> }> {
  const rows = await run(
    `SELECT @server_now($1, $2), ${LEASE_COLUMNS} FROM @leases l JOIN @tasks t ON t.id = l.id
     WHERE (l.id, l.token) IN (SELECT * FROM unnest($3::uuid[], $4::integer[])) AND ${namespaceOf('l')} = $5
     ORDER BY l.id FOR UPDATE OF l`,
    [
      ...time.params(),
      ids(settlements.map(([, { taskId }]) => taskId)),
      numbers(settlements.map(([, { token }]) => token)),
      namespace,
    ],
  )
  const held = rows.map(([, ...row]) => leaseFromRow(row))
  return { now: time.saw(rows[0]?.[0] ?? 0), held: new Map(held.map((lease) => [lease.id, lease])) }
}

interface EndedLease extends Ended {
  readonly index: number
  readonly lease: Lease
}

async function settleOthers(
  run: Run,
  others: readonly Indexed<OtherSettlement>[],
  held: ReadonlyMap<string, Lease>,
  now: number,
): Promise<{ others: readonly EndedLease[]; transitions: Transitions }> {
  const endings = new Endings(now)
  const ended = others.map(([index, settlement]) => {
    const lease = held.get(settlement.taskId) as Lease
    return { index, lease, ...endings.settle(lease, settlement) }
  })
  await writeEndings(
    run,
    ended.map(({ lease }) => lease),
    endings.transitions,
    now,
  )
  return { others: ended, transitions: endings.transitions }
}

interface Successes {
  readonly part: readonly Indexed<Succeeded>[]
  readonly rows: readonly (readonly Text[])[]
}

/** Large results one statement after the other: each has its own time to be answered. */
async function settleSuccesses(
  run: Run,
  namespace: string,
  succeeded: readonly Indexed<Succeeded>[],
  now: number,
): Promise<readonly Successes[]> {
  const done: Successes[] = []
  for (const part of partsBySize(succeeded, ([, { result }]) => result?.length ?? 0, STATEMENT_SIZE)) {
    const { text, values } = settleStatement([now, now], namespace, part)
    done.push({ part, rows: await run(text, values) })
  }
  return done
}

async function takeAll(
  context: StoreContext,
  others: readonly EndedLease[],
  successes: readonly Successes[],
  now: number,
  results: Results,
): Promise<void> {
  const { lanes } = context
  for (const { part, rows } of successes) await takeSettled(context, part, rows, results)
  await lanes.load(new Set(others.map(({ lease }) => lease.lane)))
  for (const { index, lease, taskStatus, runAt } of others) {
    const { namespace, queue, type } = lanes.get(lease.lane)
    const [waitMs, runMs] = [lease.startedAt - lease.readyAt, now - lease.startedAt]
    results[index] = { status: 'ok', taskStatus, repeated: false, namespace, queue, type, waitMs, runMs, runAt }
  }
}
