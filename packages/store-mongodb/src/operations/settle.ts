import type { AcceptedSettlement, Settlement, SettleParams, SettleReport, SettleResult } from '@taskyard/core'
import { TaskyardError } from '@taskyard/core'
import type { Database } from '../database.ts'
import type { LightTask } from '../documents.ts'
import { moveGrownTails } from '../move-tails.ts'
import { settle as settleTask, type Transition } from '../transitions.ts'
import { apply, MOST_ROUNDS, readLight } from '../write-transitions.ts'
import { claim } from './claim.ts'
import { LOST, repeatedSettlements } from './repeated-settlements.ts'

/** Ends leases, each with one update conditional on its token, and then claims. */
export async function settle(
  database: Database,
  { namespace, settlements, claim: next }: SettleParams,
  now: number,
): Promise<SettleReport> {
  const results = new Map<Settlement, SettleResult>()
  const counting: Promise<void>[] = []
  let open = settlements
  for (let round = 0; open.length > 0; round++) {
    if (round === MOST_ROUNDS)
      throw new TaskyardError('store_unavailable', { reason: 'others keep changing the tasks' })
    const tasks = await tasksOf(database, namespace, open)
    open = await settleRound(database, open, tasks, { results, counting }, now)
  }
  const [tasks] = await Promise.all([next === null ? [] : claim(database, next, now), ...counting])
  return { results: settlements.map((settlement) => results.get(settlement) ?? LOST), tasks }
}

// A lease given out by this process is known; one that has been lost since is refused by its guard, and then read. When it ends
// is not: it may have been extended.
async function tasksOf(
  database: Database,
  namespace: string,
  settlements: readonly Settlement[],
): Promise<Map<string, LightTask>> {
  const tasks = new Map<string, LightTask>()
  const unknown: string[] = []
  for (const settlement of settlements) {
    const task = database.leases.take(namespace, settlement)
    if (task === undefined) unknown.push(settlement.taskId)
    else tasks.set(settlement.taskId, task)
  }
  const untilThen = settlements.filter((settlement) => endOf(settlement) !== undefined)
  const read = await readLight(database, namespace, [
    ...unknown.filter((id) => !tasks.has(id)),
    ...untilThen.map(({ taskId }) => taskId),
  ])
  return new Map([...tasks, ...read])
}

/** When its lease must end; `undefined`: at any time. */
function endOf(settlement: Settlement): number | undefined {
  return settlement.outcome === 'released' ? settlement.expiresAt : undefined
}

/** @returns what is to be judged again: it changed between reading and writing, or its task had another turn before it */
async function settleRound(
  database: Database,
  settlements: readonly Settlement[],
  tasks: ReadonlyMap<string, LightTask>,
  { results, counting }: { results: Map<Settlement, SettleResult>; counting: Promise<void>[] },
  now: number,
): Promise<readonly Settlement[]> {
  const transitions = new Map<Transition, Settlement>()
  const moving = new Set<string>()
  const ended: Settlement[] = []
  for (const settlement of settlements) {
    const task = tasks.get(settlement.taskId)
    if (moving.has(settlement.taskId)) continue
    if (task?.state !== 'running' || task.token !== settlement.token) ended.push(settlement)
    else if (task.expiresAt !== (endOf(settlement) ?? task.expiresAt)) results.set(settlement, LOST)
    else {
      moving.add(settlement.taskId)
      transitions.set(settleTask(task, settlement, now), settlement)
    }
  }
  for (const [settlement, result] of await repeatedSettlements(database, ended, tasks)) results.set(settlement, result)
  const applied = await apply(database, [...transitions.keys()], now, counting)
  for (const [transition, settlement] of transitions)
    if (applied.has(transition)) results.set(settlement, accepted(transition, now))
  await moveGrownTails(
    database,
    [...applied].map(({ task }) => task),
  )
  // In the order of the call: of two outcomes of one lease the first counts.
  return settlements.filter((settlement) => !results.has(settlement))
}

function accepted({ task, to, runAt }: Transition, now: number): AcceptedSettlement {
  const { namespace, queue, type, runAt: readyAt, startedAt = now } = task
  const waitMs = Math.max(0, startedAt - readyAt)
  return {
    status: 'ok',
    taskStatus: to,
    repeated: false,
    namespace,
    queue,
    type,
    waitMs,
    runMs: now - startedAt,
    runAt,
  }
}
