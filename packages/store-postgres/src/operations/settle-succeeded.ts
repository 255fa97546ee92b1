import type { Settlement, SettleResult } from '@taskyard/core'
import { ids, joinJson, numbers } from '../arrays.ts'
import type { Statement } from '../database.ts'
import type { Text } from '../driver.ts'
import type { StoreContext } from '../store-context.ts'
import { ROW_OVERHEAD_BYTES } from './transitions.ts'

/** What becomes of each settlement of a call; a gap where it is not known yet. */
export type Results = (SettleResult | undefined)[]

/** A settlement and its place in the call. */
export type Indexed<Kind> = readonly [index: number, settlement: Kind]

export type Succeeded = Extract<Settlement, { outcome: 'succeeded' }>

/** The first of those that name the same lease: it counts, and the others are judged by what it did. */
export function oncePerLease<Kind extends Settlement>(named: readonly Indexed<Kind>[]): readonly Indexed<Kind>[] {
  const leases = new Map<string, Indexed<Kind>>()
  for (const one of named) {
    const key = `${one[1].taskId} ${one[1].token}`
    if (!leases.has(key)) leases.set(key, one)
  }
  return leases.size === named.length ? named : [...leases.values()]
}

/** Ends leases as succeeded, each named once. Fails with `isForeign` when one is of another namespace. */
export function settleStatement(
  time: readonly [now: number | null, atLeast: number],
  namespace: string,
  succeeded: readonly Indexed<Succeeded>[],
): Statement {
  return {
    text: 'SELECT ns, lanes, ready_ats, started_ats, now FROM @settle_succeeded_2($1, $2, $3, $4, $5, $6, $7)',
    values: [
      ...time,
      ROW_OVERHEAD_BYTES,
      namespace,
      ids(succeeded.map(([, { taskId }]) => taskId)),
      numbers(succeeded.map(([, { token }]) => token)),
      joinJson(succeeded.map(([, { result }]) => result ?? '')),
    ],
  }
}

/** Takes the answer of that statement, which names those that were held. */
export async function takeSettled(
  { lanes, time }: StoreContext,
  succeeded: readonly Indexed<Succeeded>[],
  rows: readonly (readonly Text[])[],
  results: Results,
): Promise<void> {
  const [ns, laneNumbers, readyAts, startedAts] = (rows[0] ?? []).slice(0, 4).map(numbersOf) as number[][]
  if (ns === undefined || laneNumbers === undefined) return
  const now = time.saw(rows[0]?.[4] as string)
  await lanes.load(new Set(laneNumbers))
  for (const [at, n] of ns.entries()) {
    const [index] = succeeded[n - 1] as Indexed<Succeeded>
    const { namespace, queue, type } = lanes.get(laneNumbers[at] as number)
    const [readyAt, startedAt] = [readyAts?.[at] as number, startedAts?.[at] as number]
    const [waitMs, runMs] = [startedAt - readyAt, now - startedAt]
    results[index] = {
      status: 'ok',
      taskStatus: 'succeeded',
      repeated: false,
      namespace,
      queue,
      type,
      waitMs,
      runMs,
      runAt: null,
    }
  }
}

function numbersOf(list: Text): number[] {
  return list === null ? [] : list.split(',').map(Number)
}
