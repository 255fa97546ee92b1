import type {
  ClaimParams,
  LeasedTask,
  LeaseRef,
  Settlement,
  SettleParams,
  SettleReport,
  SettleResult,
  TaskStatus,
} from '@taskyard/core'
import { ids, isId, joinJson, numbers } from '../arrays.ts'
import type { Statement, Text } from '../database.ts'
import type { Parts } from '../parts.ts'
import type { Claims } from './claim.ts'
import { createEndings, type OtherSettlement } from './end-attempts.ts'
import { LEASE_COLUMNS, leaseFromRow, ROW_OVERHEAD_BYTES, writeMoves } from './moves.ts'

type Succeeded = Extract<Settlement, { outcome: 'succeeded' }>

/**
 * Successes are one statement, and the claim beside them travels in the same round trip. Everything else, the rare
 * case, is decided here and written in a transaction of its own before.
 */
export async function settle(
  parts: Parts,
  claims: Claims,
  { settlements, claim }: SettleParams,
): Promise<SettleReport> {
  const results: (SettleResult | undefined)[] = settlements.map(({ taskId }) => (isId(taskId) ? undefined : LOST))
  const open = [...settlements.entries()].filter(([i]) => results[i] === undefined)
  const others = open.filter(([, { outcome }]) => outcome !== 'succeeded')
  if (others.length > 0) await settleOthers(parts, others as [number, OtherSettlement][], results)
  const succeeded = oncePerLease(open.filter(([, { outcome }]) => outcome === 'succeeded') as [number, Succeeded][])
  const tasks = await settleAndClaim(parts, claims, succeeded, claim, results)
  const unknown = settlements.entries().filter(([i]) => results[i] === undefined)
  await findRepeated(parts, [...unknown], results)
  return { results: results as SettleResult[], tasks }
}

const LOST: SettleResult = { status: 'lost' }

/** The first of those that name the same lease; the others repeat it. */
function oncePerLease<Named extends LeaseRef>(named: readonly [number, Named][]): [number, Named][] {
  const leases = new Map<string, [number, Named]>()
  for (const one of named) {
    const key = `${one[1].taskId} ${one[1].token}`
    if (!leases.has(key)) leases.set(key, one)
  }
  return leases.size === named.length ? (named as [number, Named][]) : [...leases.values()]
}

async function settleAndClaim(
  parts: Parts,
  claims: Claims,
  succeeded: readonly [number, Succeeded][],
  claim: ClaimParams | null,
  results: (SettleResult | undefined)[],
): Promise<readonly LeasedTask[]> {
  if (succeeded.length === 0) return claim === null ? [] : claims.claim(claim)
  const statement = settleStatement(parts, succeeded)
  if (claim === null) {
    await takeSettled(parts, succeeded, await parts.database.run(statement.text, statement.values), results)
    return []
  }
  const { before, tasks } = await claims.claimAfter(statement, claim)
  await takeSettled(parts, succeeded, before, results)
  return tasks
}

function settleStatement({ time }: Parts, succeeded: readonly [number, Succeeded][]): Statement {
  return {
    text: 'SELECT ns, lanes, ready_ats, started_ats, now FROM @settle_succeeded($1, $2, $3, $4, $5, $6)',
    values: [
      ...time.params(),
      ROW_OVERHEAD_BYTES,
      ids(succeeded.map(([, { taskId }]) => taskId)),
      numbers(succeeded.map(([, { token }]) => token)),
      joinJson(succeeded.map(([, { result }]) => result ?? '')),
    ],
  }
}

async function takeSettled(
  { lanes, time }: Parts,
  succeeded: readonly [number, Succeeded][],
  rows: readonly (readonly Text[])[],
  results: (SettleResult | undefined)[],
): Promise<void> {
  const [ns, laneNumbers, readyAts, startedAts] = (rows[0] ?? []).slice(0, 4).map(numbersOf) as number[][]
  if (ns === undefined || laneNumbers === undefined) return
  const now = time.saw(rows[0]?.[4] as string)
  await lanes.load(new Set(laneNumbers))
  for (const [at, n] of ns.entries()) {
    const [index] = succeeded[n - 1] as [number, Succeeded]
    const { queue, type } = lanes.get(laneNumbers[at] as number)
    const [readyAt, startedAt] = [readyAts?.[at] as number, startedAts?.[at] as number]
    const [waitMs, runMs] = [startedAt - readyAt, now - startedAt]
    results[index] = { status: 'ok', taskStatus: 'succeeded', repeated: false, queue, type, waitMs, runMs, runAt: null }
  }
}

function numbersOf(list: Text): number[] {
  return list === null ? [] : list.split(',').map(Number)
}

async function settleOthers(
  { database, lanes, time, readied }: Parts,
  others: readonly [number, OtherSettlement][],
  results: (SettleResult | undefined)[],
): Promise<void> {
  const { moves, settled } = await database.transaction(async (run) => {
    const rows = await run(
      `WITH ended AS (
         DELETE FROM @leases l WHERE (l.id, l.token) IN (SELECT * FROM unnest($3::uuid[], $4::integer[])) RETURNING *
       )
       SELECT @server_now($1, $2), ${LEASE_COLUMNS} FROM ended l JOIN @tasks t ON t.id = l.id`,
      [...time.params(), ids(others.map(([, { taskId }]) => taskId)), numbers(others.map(([, { token }]) => token))],
    )
    const held = new Map(rows.map(([, ...row]) => [row[0] as string, leaseFromRow(row)]))
    const now = time.saw(rows[0]?.[0] ?? 0)
    const endings = createEndings(now)
    const settled = others.flatMap(([index, settlement]) => {
      const lease = held.get(settlement.taskId)
      if (lease?.token !== settlement.token) return []
      held.delete(settlement.taskId)
      return [{ index, lease, now, ...endings.settle(lease, settlement) }]
    })
    await writeMoves(run, endings.moves, now)
    return { moves: endings.moves, settled }
  })
  await lanes.load(new Set(settled.map(({ lease }) => lease.lane)))
  for (const { index, lease, now, taskStatus, runAt } of settled) {
    const { queue, type } = lanes.get(lease.lane)
    const [waitMs, runMs] = [lease.startedAt - lease.readyAt, now - lease.startedAt]
    results[index] = { status: 'ok', taskStatus, repeated: false, queue, type, waitMs, runMs, runAt }
  }
  readied(moves.ready.map(({ lane }) => lane))
}

type PastRow = [id: string, lane: string, token: Text, status: Text, worker: Text, wentOn: Text]

/** A settlement that comes again because its reply was lost is answered as it was the first time. */
async function findRepeated(
  { database, lanes }: Parts,
  unknown: readonly [number, Settlement][],
  results: (SettleResult | undefined)[],
): Promise<void> {
  if (unknown.length === 0) return
  const rows = await database.run<PastRow>(
    `SELECT t.id, t.lane, f.token, f.status, f.worker_id, (
       SELECT h.kind FROM @history h WHERE h.id = t.id AND h.token = i.token AND h.kind IN ('retry-scheduled', 'released') LIMIT 1
     )
     FROM unnest($1::uuid[], $2::integer[]) AS i (id, token) CROSS JOIN LATERAL (SELECT * FROM @tasks t WHERE t.id = i.id OFFSET 0) t
     LEFT JOIN LATERAL (
       SELECT * FROM @finished f WHERE f.lane = t.lane AND f.status IN (1, 2, 3) AND f.id = t.id AND f.token = i.token
     ) f ON true`,
    [ids(unknown.map(([, { taskId }]) => taskId)), numbers(unknown.map(([, { token }]) => token))],
  )
  await lanes.load(new Set(rows.map(([, lane]) => Number(lane))))
  for (const [index, { taskId, outcome }] of unknown) {
    const row = rows.find(([id]) => id === taskId.toLowerCase())
    const taskStatus = row === undefined ? null : endedAs(outcome, row)
    if (row === undefined || taskStatus === null) {
      results[index] = LOST
      continue
    }
    const { queue, type } = lanes.get(Number(row[1]))
    results[index] = { status: 'ok', taskStatus, repeated: true, queue, type, waitMs: 0, runMs: 0, runAt: null }
  }
}

const ENDED = ['succeeded', 'failed', 'cancelled'] as const

function endedAs(outcome: Settlement['outcome'], [, , , status, worker, wentOn]: PastRow): TaskStatus | null {
  const end = status === null || worker === null ? null : (ENDED[Number(status) - 1] as (typeof ENDED)[number])
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
