import { type Settlement, type SettleParams, type SettleReport, type SettleResult, toErrorText } from '@taskyard/core'
import { type CallContext, inTextParts } from './call-context.ts'
import { claimArgs, leasedTasks } from './claim-call.ts'
import { SCRIPTS } from './scripts.ts'
import { F, type LaneNames, type LaneTable, laneTable, statusOf } from './task-records.ts'

const SETTLEMENTS_PER_CALL = 1000
const NO_CLAIM: readonly string[] = ['', '', '', '0', '0', '', '', '']

/** The port's `settle`. */
export async function settle(context: CallContext, params: SettleParams): Promise<SettleReport> {
  const { namespace, settlements, claim } = params
  const parts = inTextParts(settlements, SETTLEMENTS_PER_CALL, lengthOf)
  const results: SettleResult[] = []
  for (const part of parts.slice(0, -1))
    results.push(...(await settlePart(context, { namespace, settlements: part, claim: null })).results)
  const last = await settlePart(context, { namespace, settlements: parts.at(-1) ?? [], claim })
  return { results: [...results, ...last.results], tasks: last.tasks }
}

function lengthOf(settlement: Settlement): number {
  return settlement.outcome === 'succeeded' ? (settlement.result?.length ?? 0) : 0
}

async function settlePart(
  context: CallContext,
  { namespace, settlements, claim }: SettleParams,
): Promise<SettleReport> {
  if (settlements.length === 0 && claim === null) return { results: [], tasks: [] }
  const size = String(settlements.length)
  const args = [context.now(), size, namespace, ...(claim === null ? NO_CLAIM : claimArgs(claim))]
  for (const settlement of settlements) args.push(...settlementArgs(settlement))
  const reply = (await context.run(SCRIPTS.settle, args)) as readonly string[]
  const [now, readyLanes, names, results] = reply as [string, string, string, string]
  context.publishReady(readyLanes)
  const lanes = laneTable(names)
  return {
    results: settlements.length === 0 ? [] : settleResults(results, lanes),
    tasks: claim === null ? [] : leasedTasks(claim, Number(now), lanes, reply.slice(4)),
  }
}

const LETTERS = { succeeded: 'o', failed: 'f', cancelled: 'c', released: 'r' } as const

function settlementArgs(settlement: Settlement): readonly [string, string, string] {
  const { taskId, token, outcome } = settlement
  return [taskId, `${LETTERS[outcome]}${token}`, settlementText(settlement)]
}

function settlementText(settlement: Settlement): string {
  switch (settlement.outcome) {
    case 'succeeded':
      return settlement.result ?? ''
    case 'failed': {
      const { error, retryable, retryDelayMs, jitter } = settlement
      return `${retryable ? 1 : 0},${retryDelayMs ?? ''},${jitter}${F}${toErrorText(error)}`
    }
    case 'cancelled':
      return ''
    case 'released':
      return String(settlement.expiresAt ?? '')
  }
}

const LOST: SettleResult = { status: 'lost' }

// Most tasks of a call end alike: equal texts share one result.
function settleResults(text: string, lanes: LaneTable): SettleResult[] {
  const known = new Map<string, SettleResult>([['', LOST]])
  return text.split(';').map((result) => {
    let found = known.get(result)
    if (found === undefined) {
      found = settleResult(result, lanes)
      known.set(result, found)
    }
    return found
  })
}

function settleResult(text: string, lanes: LaneTable): SettleResult {
  const [letter, lane, waitMs, runMs, runAt, repeated] = text.split(',') as [string, string, ...string[]]
  const { namespace, queue, type } = lanes.get(lane) as LaneNames
  return {
    status: 'ok',
    taskStatus: statusOf(letter),
    repeated: repeated === '1',
    namespace,
    queue,
    type,
    waitMs: Number(waitMs),
    runMs: Number(runMs),
    runAt: runAt === '' ? null : Number(runAt),
  }
}
