import type { ClaimParams, JsonText, LeasedTask } from '@taskyard/core'
import type { Statement, Text } from '../database.ts'
import type { Parts } from '../parts.ts'
import { createClaimFloors, FROM_START, type Start } from './claim-floors.ts'
import { backoffFromText, numberOrNull } from './moves.ts'

/** A claim stops early once its payloads reach this, so that a thousand large tasks do not fill the memory. */
const PAYLOAD_BYTES_PER_CLAIM = 8 * 1024 * 1024
/** Who met other claimers allows for them so long. */
const CROWDED_MS = 1_000
/** Claims of so many stand in line: side by side, each would walk over the heads that the others are taking. */
const LARGE = 100

type Row = readonly Text[]

interface Asked {
  readonly params: ClaimParams
  resolve(tasks: readonly LeasedTask[]): void
}

export interface Claims {
  claim(params: ClaimParams): Promise<readonly LeasedTask[]>
  /**
   * Runs a statement that makes tasks ready. A claim that waits in this process for such tasks, and so comes the moment
   * that `foretell` tells of them, goes into the same transaction: one commit less until it has them.
   * @returns what the statement answered, and what was claimed behind it
   */
  claimBehind(
    before: Statement,
    foretell: () => void,
  ): Promise<{ readonly before: readonly Row[]; readonly tasks: readonly LeasedTask[] }>
  /**
   * Runs another statement beside the claim: with a small one in one transaction, at the same time with a large one. When
   * it fails, what was claimed is given back.
   */
  claimAfter(
    before: Statement,
    params: ClaimParams,
  ): Promise<{ readonly before: readonly Row[]; readonly tasks: LeasedTask[] }>
  /** A task was put back in this lane. */
  putBack(lane: number): void
}

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
  /** Tasks that small claims under way may take; large ones follow each other. */
  let underWay = 0
  /** Until then other processes are expected to claim at the same moment. */
  let crowdedUntil = 0
  /** While it is foretold that tasks will be ready: who asked for some. */
  let foretelling: { asked: Asked | null } | null = null

  function claimStatement(
    { namespace, queues, types, limit, leaseMs, worker }: ClaimParams,
    beside: number,
    { values: floors }: Start,
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
        ...floors,
      ],
    }
  }

  function claim(params: ClaimParams): Promise<readonly LeasedTask[]> {
    if (foretelling === null || foretelling.asked !== null) return claimNow(params, null).then(({ tasks }) => tasks)
    const { promise, resolve } = Promise.withResolvers<readonly LeasedTask[]>()
    foretelling.asked = { params: { ...params, limit: Math.min(params.limit, LARGE - 1) }, resolve }
    return promise
  }

  async function claimBehind(before: Statement, foretell: () => void) {
    const mine: { asked: Asked | null } = { asked: null }
    foretelling = mine
    foretell()
    foretelling = null
    const { asked } = mine
    if (asked === null) return { before: await database.run(before.text, before.values), tasks: [] }
    try {
      const both = await look(asked.params, floors.start(), before)
      asked.resolve(both.tasks)
      return both
    } catch (error) {
      asked.resolve([])
      throw error
    }
  }

  async function claimAfter(before: Statement, params: ClaimParams) {
    if (params.limit < LARGE) return claimNow(params, before)
    const [first, claimed] = await Promise.allSettled([
      database.run(before.text, before.values),
      claimNow(params, null),
    ])
    if (first.status === 'fulfilled' && claimed.status === 'fulfilled')
      return { before: first.value, tasks: claimed.value.tasks }
    if (claimed.status === 'fulfilled' && claimed.value.tasks.length > 0)
      await giveBack(claimed.value.tasks).catch(() => {})
    throw first.status === 'rejected' ? first.reason : (claimed as PromiseRejectedResult).reason
  }

  async function claimNow(params: ClaimParams, before: Statement | null) {
    const from = floors.start()
    const claimed = await look(params, from, before)
    const isShort = claimed.tasks.length < params.limit && !from.fromStart
    if (!isShort || !floors.isDue()) return claimed
    const rest = { ...params, limit: params.limit - claimed.tasks.length }
    // What the first look has claimed must reach its claimer.
    const more = await look(rest, FROM_START, null).catch(() => ({ tasks: [] }))
    return { before: claimed.before, tasks: [...claimed.tasks, ...more.tasks] }
  }

  async function look(params: ClaimParams, from: Start, before: Statement | null) {
    const aside = params.limit < LARGE ? params.limit : 0
    const claim = claimStatement(params, underWay + (nowMs() < crowdedUntil ? params.limit : 0), from)
    underWay += aside
    const startedAt = nowMs()
    try {
      const [rows, first] = await send(claim, params.limit, before)
      const claimed = rows.filter(([id]) => id !== null)
      if (claimed.length < rows.length) noteOthers(rows.filter(([id]) => id === null).map(([, lane]) => lane as Text))
      floors.claimed(claimed.map(placeOf), from.fromStart, nowMs() - startedAt)
      return { before: first, tasks: await toTasks(claimed, params) }
    } finally {
      underWay -= aside
    }
  }

  /** Lanes in which tasks became ready; `null` for other claimers. */
  function noteOthers(lanes: readonly Text[]): void {
    if (lanes.includes(null)) crowdedUntil = nowMs() + CROWDED_MS
    const due = lanes.filter((lane) => lane !== null)
    if (due.length > 0) readied(due.map(Number))
  }

  async function send(claim: Statement, limit: number, before: Statement | null): Promise<[Text[][], Text[][]]> {
    if (before !== null) return (await database.together([before, claim])).reverse() as [Text[][], Text[][]]
    const run = limit < LARGE ? database.run : database.runInLine
    return [await run(claim.text, claim.values), []]
  }

  async function toTasks(rows: readonly Row[], { leaseMs, worker }: ClaimParams): Promise<LeasedTask[]> {
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
    claim,
    claimBehind,
    claimAfter,
    putBack: (lane) => floors.forget(lane),
  }
}

const NO_TAGS: readonly string[] = []

export function tagsFromText(text: Text | undefined): readonly string[] {
  return text === null || text === undefined ? NO_TAGS : (JSON.parse(text) as string[])
}

function placeOf(row: Row) {
  return { lane: Number(row[1]), rank: Number(row[2]), readyAt: Number(row[10]), seq: Number(row[14]) }
}
