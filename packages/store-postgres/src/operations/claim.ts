import { type ClaimParams, type JsonText, type LeasedTask, TaskyardError } from '@taskyard/core'
import type { Statement, Text } from '../database.ts'
import type { Parts } from '../parts.ts'
import { toStoreError } from '../postgres-errors.ts'
import { createClaimFloors } from './claim-floors.ts'
import { backoffFromText, numberOrNull } from './moves.ts'
import { DUE_AT_ONCE } from './promote.ts'
import { createTurns } from './turns.ts'

/** A claim stops early once its payloads reach this, so that a thousand large tasks do not fill the memory. */
const PAYLOAD_BYTES_PER_CLAIM = 8 * 1024 * 1024
/** Claims of so many follow each other: side by side, each would walk over the heads that the others are taking. */
const LARGE = 100

export interface Claims {
  claim(params: ClaimParams): Promise<readonly LeasedTask[]>
  /** Runs other statements and the claim in one round trip. When one of them fails, claimed tasks are given back. */
  claimAfter(
    before: readonly Statement[],
    params: ClaimParams,
  ): Promise<{ readonly before: readonly Text[][][]; readonly tasks: readonly LeasedTask[] }>
  /** A task was put back in this lane. */
  putBack(lane: number): void
}

type ClaimedRow = readonly Text[]

/**
 * @param nowMs a monotonic clock, ms
 * @param giveBack ends leases whose claimer will not hear of them
 */
export function createClaims(
  { database, lanes, time, readied }: Parts,
  nowMs: () => number,
  giveBack: (tasks: readonly LeasedTask[]) => Promise<unknown>,
): Claims {
  const floors = createClaimFloors(nowMs)
  const turns = createTurns()
  /** Tasks that claims under way may take. */
  let underWay = 0

  function claimStatement(
    { namespace, queues, types, limit, leaseMs, worker }: ClaimParams,
    beside: number,
    from: readonly string[],
  ) {
    const text = `SELECT id, lane, rank, payload, created_at, max_attempts, timeout_seconds, backoff, tags, idempotency_key,
         ready_at, attempt, crashes, token, seq, started_at
       FROM @claim_tasks($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`
    const { workerId, nodeId, session } = worker
    const who = [workerId, nodeId, session] as const
    return {
      text,
      values: [
        ...time.params(),
        ...[namespace, queues, types, limit, leaseMs, PAYLOAD_BYTES_PER_CLAIM],
        ...who,
        beside,
        ...from,
      ],
    }
  }

  async function claimAfter(before: readonly Statement[], params: ClaimParams) {
    if (params.limit < LARGE) return claimNow(before, params)
    if (before.length === 0 || !turns.isTaken()) return turns.take(() => claimNow(before, params))
    // What comes before does not wait for the turn.
    const [first, claimed] = await Promise.allSettled([
      database.pipeline(before).then(fulfilled),
      turns.take(() => claimNow([], params)),
    ])
    if (first.status === 'fulfilled' && claimed.status === 'fulfilled')
      return { before: first.value, tasks: claimed.value.tasks }
    if (claimed.status === 'fulfilled' && claimed.value.tasks.length > 0)
      await giveBack(claimed.value.tasks).catch(() => {})
    throw toStoreError(first.status === 'rejected' ? first.reason : (claimed as PromiseRejectedResult).reason)
  }

  async function claimNow(before: readonly Statement[], params: ClaimParams) {
    const from = floors.params()
    const startedAt = nowMs()
    const promote = {
      text: 'SELECT lane, promoted FROM @promote_due($1, $2, $3)',
      values: [...time.params(), DUE_AT_ONCE],
    }
    // Another process may claim at the same moment, as much as this one.
    const beside = underWay + params.limit
    underWay += params.limit
    const claiming = database.pipeline([...before, promote, claimStatement(params, beside, from.values)])
    const answers = await claiming.finally(() => {
      underWay -= params.limit
    })
    const [due, claimed] = answers.slice(before.length) as [
      PromiseSettledResult<Text[][]>,
      PromiseSettledResult<Text[][]>,
    ]
    const rows = claimed.status === 'fulfilled' ? claimed.value : []
    floors.claimed(rows.map(placeOf), from.fromStart, nowMs() - startedAt)
    const tasks = await toTasks(rows, params)
    const failed = answers.find((answer) => answer.status === 'rejected')
    if (failed !== undefined) {
      if (tasks.length > 0) await giveBack(tasks).catch(() => {})
      throw toStoreError(failed.reason)
    }
    if (due.status === 'fulfilled' && due.value.length > 0) readied(due.value.map(([lane]) => Number(lane)))
    const short = tasks.length < params.limit && !from.fromStart && floors.mayLookAgain()
    const rest = short ? await claimFromStart({ ...params, limit: params.limit - tasks.length }) : []
    return {
      before: fulfilled(answers.slice(0, before.length)),
      tasks: rest.length === 0 ? tasks : [...tasks, ...rest],
    }
  }

  async function claimFromStart(params: ClaimParams): Promise<readonly LeasedTask[]> {
    const startedAt = nowMs()
    const { text, values } = claimStatement(params, underWay + params.limit, ['{}', '{}', '{}', '{}'])
    try {
      const rows = await database.run(text, values)
      floors.claimed(rows.map(placeOf), true, nowMs() - startedAt)
      return await toTasks(rows, params)
    } catch (error) {
      // What the first look has claimed must reach its claimer.
      if (error instanceof TaskyardError) return []
      throw error
    }
  }

  async function toTasks(rows: readonly ClaimedRow[], { leaseMs, worker }: ClaimParams): Promise<LeasedTask[]> {
    await lanes.load(new Set(rows.map((row) => Number(row[1]))))
    return rows.map((row) => {
      const { namespace, queue, type } = lanes.get(Number(row[1]))
      const startedAt = time.saw(row[15] as string)
      return {
        id: row[0] as string,
        namespace,
        queue,
        type,
        status: 'running',
        priority: -Number(row[2]) || 0,
        payload: row[3] as JsonText,
        result: null,
        error: null,
        attempt: Number(row[11]) + 1,
        maxAttempts: Number(row[5]),
        crashes: Number(row[12]),
        progress: null,
        tags: tagsFromText(row[8]),
        backoff: backoffFromText(row[7]),
        timeoutSeconds: numberOrNull(row[6]),
        idempotencyKey: row[9] ?? null,
        workerId: worker.workerId,
        runAt: Number(row[10]),
        createdAt: Number(row[4]),
        startedAt,
        finishedAt: null,
        cancelRequestedAt: null,
        lease: { token: Number(row[13]) + 1, expiresAt: startedAt + leaseMs },
      }
    })
  }

  return {
    claim: async (params) => (await claimAfter([], params)).tasks,
    claimAfter,
    putBack: (lane) => floors.forget(lane),
  }
}

/** @throws the reason of the first that was rejected */
function fulfilled(answers: readonly PromiseSettledResult<Text[][]>[]): Text[][][] {
  return answers.map((answer) => {
    if (answer.status === 'rejected') throw answer.reason
    return answer.value
  })
}

const NO_TAGS: readonly string[] = []

export function tagsFromText(text: Text | undefined): readonly string[] {
  return text === null || text === undefined ? NO_TAGS : (JSON.parse(text) as string[])
}

function placeOf(row: ClaimedRow) {
  return { lane: Number(row[1]), rank: Number(row[2]), readyAt: Number(row[10]), seq: Number(row[14]) }
}
