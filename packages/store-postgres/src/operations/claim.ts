import {
  type ClaimParams,
  type GivenLease,
  givenFirst,
  type JsonText,
  type LeasedTask,
  LIMITS,
  SUSPECT_CRASHES,
} from '@taskyard/core'
import type { Statement, Text } from '../database.ts'
import type { Parts } from '../parts.ts'
import { isUndone, mayHaveChanged } from '../postgres-errors.ts'
import { createPlaceBehind } from './claim-behind.ts'
import { createClaimFloors, FROM_START, type Start } from './claim-floors.ts'
import { backoffFromText, numberOrNull } from './moves.ts'

/** Who met other claimers allows for them so long. */
const CROWDED_MS = 1_000
/** Claims of so many stand in line: side by side, each would walk over the heads that the others are taking. */
const LARGE = 100

type Row = readonly Text[]

/** What a claim has found. */
interface Look {
  readonly before: readonly Row[]
  readonly tasks: LeasedTask[]
  /** There is nothing to add: these are of the same claim before, or they end at a bound or before a suspect. */
  readonly isWhole: boolean
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
   * it fails, what was claimed anew is given back.
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
  giveBack: (leases: readonly GivenLease[]) => Promise<unknown>,
): Claims {
  const floors = createClaimFloors(nowMs)
  /** Tasks that small claims under way may take; large ones follow each other. */
  let underWay = 0
  /** Until then other processes are expected to claim at the same moment. */
  let crowdedUntil = 0
  const placeBehind = createPlaceBehind()

  function claimStatement(
    { namespace, queues, types, limit, leaseMs, worker, requestId }: ClaimParams,
    beside: number,
    { values: floors }: Start,
    found: readonly LeasedTask[],
  ) {
    const text = `SELECT id, lane, rank, payload, created_at, max_attempts, timeout_seconds, backoff, tags, idempotency_key,
         ready_at, attempt, crashes, token, seq, started_at
       FROM @claim_tasks_2($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`
    const { workerId, nodeId, session } = worker
    const bytes = found.reduce((sum, { payload }) => sum + Buffer.byteLength(payload), 0)
    const what = [namespace, queues, types, limit - found.length, leaseMs, LIMITS.claimBytes - bytes] as const
    const who = [workerId, nodeId, session, requestId] as const
    return { text, values: [...time.params(), ...what, ...who, found.length > 0, SUSPECT_CRASHES, beside, ...floors] }
  }

  function claim(params: ClaimParams): Promise<readonly LeasedTask[]> {
    return placeBehind.take(params) ?? claimAlone(params)
  }

  function claimAlone(params: ClaimParams): Promise<readonly LeasedTask[]> {
    return claimNow(params, null).then(({ tasks }) => tasks)
  }

  async function claimBehind(before: Statement, foretell: () => void) {
    const behind = placeBehind.openDuring(foretell)
    if (behind === null) return { before: await database.run(before.text, before.values), tasks: [] }
    const limit = Math.min(behind.params.limit, LARGE - 1)
    try {
      const both = await look({ ...behind.params, limit }, floors.start(), { before })
      behind.resolve(both.tasks)
      return both
    } catch (error) {
      // What was undone has claimed nothing. Of all else nobody knows, and whoever asks again will be told.
      if (isUndone(error)) behind.resolve(claimAlone(behind.params))
      else behind.reject(error)
      throw error
    }
  }

  async function claimAfter(before: Statement, params: ClaimParams) {
    if (params.limit < LARGE) return claimNow(params, before)
    const [first, claimed] = await Promise.allSettled([
      database.run(before.text, before.values),
      claimNow(params, null),
    ])
    const tasks = claimed.status === 'fulfilled' ? claimed.value.tasks : []
    if (first.status === 'fulfilled' && claimed.status === 'rejected' && params.requestId !== null) {
      // The caller repeats both: what is settled is told again, and what was claimed is given again.
      return mayHaveChanged(claimed.reason)
    }
    // What the other statement did must be told. Its caller will ask again for tasks, and meet what is wrong then.
    if (first.status === 'fulfilled') return { before: first.value, tasks }
    const anew = givenFirst(tasks)
    if (anew.length > 0) await giveBack(anew).catch(() => {})
    throw first.reason
  }

  async function claimNow(params: ClaimParams, before: Statement | null) {
    const from = floors.start()
    const claimed = await look(params, from, { before })
    const isShort = claimed.tasks.length < params.limit && !claimed.isWhole && !from.fromStart
    if (!isShort || !floors.isDue()) return claimed
    const more = await look(params, FROM_START, { found: claimed.tasks }).catch((error: unknown) => {
      // It may have claimed more, which only the same claim is given again.
      if (params.requestId !== null && !isUndone(error)) throw error
      // What the first look has claimed must reach its claimer.
      return { tasks: [] }
    })
    return { before: claimed.before, tasks: [...claimed.tasks, ...more.tasks] }
  }

  /** @param more a statement that goes before, and what the same claim has found so far */
  async function look(
    params: ClaimParams,
    from: Start,
    { before = null, found = [] }: { before?: Statement | null; found?: readonly LeasedTask[] },
  ): Promise<Look> {
    const aside = params.limit < LARGE ? params.limit : 0
    const claim = claimStatement(params, underWay + (nowMs() < crowdedUntil ? params.limit : 0), from, found)
    underWay += aside
    const startedAt = nowMs()
    try {
      const [rows, first] = await send(claim, params.limit, before)
      const claimed = rows.filter(([id]) => id !== null)
      const notes = claimed.length < rows.length ? rows.filter(([id]) => id === null) : []
      take(notes)
      const tells = (note: Note) => notes.some((row) => noteOf(row) === note)
      if (tells('given')) {
        const tasks = await givenBefore(params).catch(mayHaveChanged)
        return { before: first, tasks, isWhole: true }
      }
      floors.claimed(claimed.map(placeOf), from.fromStart, nowMs() - startedAt)
      return { before: first, tasks: await toTasks(claimed, params), isWhole: tells('cut') }
    } finally {
      underWay -= aside
    }
  }

  /** Other claimers, and lanes in which tasks became ready. */
  function take(notes: readonly Row[]): void {
    if (notes.some((row) => noteOf(row) === 'crowded')) crowdedUntil = nowMs() + CROWDED_MS
    const due = notes.filter((row) => noteOf(row) === 'due')
    if (due.length > 0) readied(due.map(([, lane]) => Number(lane)))
  }

  async function send(claim: Statement, limit: number, before: Statement | null): Promise<[Text[][], Text[][]]> {
    if (before !== null) return (await database.together([before, claim])).reverse() as [Text[][], Text[][]]
    const run = limit < LARGE ? database.run : database.runInLine
    return [await run(claim.text, claim.values), []]
  }

  /** What the same claim gave before, its leases extended. */
  async function givenBefore(params: ClaimParams): Promise<LeasedTask[]> {
    const { namespace, worker, requestId, leaseMs } = params
    const rows = await database.run(
      `SELECT id, lane, rank, payload, created_at, max_attempts, timeout_seconds, backoff, tags, idempotency_key, ready_at, attempt,
         crashes, token, seq, started_at, expires_at, cancel_requested_at, progress
       FROM @given_leases_2($1, $2, $3, $4, $5, $6) ORDER BY rank, created_at, id`,
      [...time.params(), namespace, worker.workerId, requestId, leaseMs],
    )
    const tasks = await toTasks(rows, params)
    return tasks.map((task, i) => {
      const [expiresAt, cancelRequestedAt, progress] = (rows[i] as Row).slice(16) as [Text, Text, Text]
      const lease = { ...task.lease, expiresAt: Number(expiresAt), again: true as const }
      return {
        ...task,
        lease,
        cancelRequestedAt: numberOrNull(cancelRequestedAt),
        progress: progress as JsonText | null,
      }
    })
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

/** What a row without an id tells. */
type Note = 'due' | 'crowded' | 'cut' | 'given'

function noteOf([, , , note]: Row): Note {
  return note as Note
}

function placeOf(row: Row) {
  return { lane: Number(row[1]), rank: Number(row[2]), readyAt: Number(row[10]), seq: Number(row[14]) }
}
