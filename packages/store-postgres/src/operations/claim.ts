import { type ClaimParams, type GivenLease, givenFirst, type LeasedTask, LIMITS, SUSPECT_CRASHES } from '@taskyard/core'
import type { Statement } from '../database.ts'
import type { Text } from '../driver.ts'
import { isUndone, mayHaveChanged } from '../postgres-errors.ts'
import type { StoreContext } from '../store-context.ts'
import { type ClaimStart, createClaimFloors, FROM_START } from './claim-floors.ts'
import { createClaimJoin } from './claim-join.ts'
import { CLAIM_COLUMNS, leasedTasks, type Note, noteOf, placeOf, type Row, repeatedClaim } from './claim-rows.ts'
import { type ClaimRun, type ClaimWay, createClaimWays, untimed } from './claim-ways.ts'

/** Who met other claimers (`crowded`, says the function) allows for them so long. */
const CONTENTION_MS = 1_000
/** Claims of so many are pipelined, one after the other: side by side, each would walk over the heads that the others are taking. */
const LARGE = 100

/** What a claim has found. */
interface Look {
  readonly before: readonly Row[]
  readonly tasks: LeasedTask[]
  /** There is nothing to add: these are of the same claim before, or they end at a bound or before a suspect. */
  readonly isWhole: boolean
}

/** Ends leases whose claimer will not hear of them. */
type GiveBack = (namespace: string, leases: readonly GivenLease[]) => Promise<unknown>

export interface Claims {
  claim(params: ClaimParams): Promise<readonly LeasedTask[]>
  /**
   * Runs a statement that makes tasks ready. A claim that waits in this process for such tasks, and so comes the moment
   * that `hintReady` tells of them, goes into the same transaction: one commit less until it has them.
   * @returns what the statement answered, and what the claim that joined it got
   */
  runWithJoiningClaim(
    before: Statement,
    hintReady: () => void,
  ): Promise<{ readonly before: readonly Row[]; readonly tasks: readonly LeasedTask[] }>
  /**
   * Runs another statement beside the claim: with a small one in one transaction, at the same time with a large one. When
   * it fails, what was claimed anew is given back.
   */
  runAndClaim(
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
export function createClaims(context: StoreContext, nowMs: () => number, giveBack: GiveBack): Claims {
  return new LaneClaims(context, nowMs, giveBack)
}

class LaneClaims implements Claims {
  readonly #context: StoreContext
  readonly #nowMs: () => number
  readonly #giveBack: GiveBack
  readonly #claimFloors
  readonly #join = createClaimJoin()
  /** Of large claims and of others: each kind is compared with its own. */
  readonly #ways
  /** Tasks that small claims under way may take; large ones follow each other. */
  #underWay = 0
  /** Until then other processes are expected to claim at the same moment. */
  #contentionUntil = 0

  constructor(context: StoreContext, nowMs: () => number, giveBack: GiveBack) {
    this.#context = context
    this.#nowMs = nowMs
    this.#giveBack = giveBack
    this.#claimFloors = createClaimFloors(nowMs)
    this.#ways = { small: createClaimWays(nowMs), large: createClaimWays(nowMs) }
  }

  claim(params: ClaimParams): Promise<readonly LeasedTask[]> {
    return this.#join.join(params) ?? this.#claimAlone(params)
  }

  async runWithJoiningClaim(before: Statement, hintReady: () => void) {
    const { database } = this.#context
    const joined = this.#join.openDuring(hintReady)
    if (joined === null) return { before: await database.run(before.text, before.values), tasks: [] }
    const limit = Math.min(joined.params.limit, LARGE - 1)
    try {
      const both = await this.#look({ ...joined.params, limit }, this.#claimFloors.start(), { before })
      joined.resolve(both.tasks)
      return both
    } catch (error) {
      // What was undone has claimed nothing. Of all else nobody knows, and whoever asks again will be told.
      if (isUndone(error)) joined.resolve(this.#claimAlone(joined.params))
      else joined.reject(error)
      throw error
    }
  }

  async runAndClaim(before: Statement, params: ClaimParams) {
    if (params.limit < LARGE) return this.#claimNow(params, before)
    const [first, claimed] = await Promise.allSettled([
      this.#context.database.run(before.text, before.values),
      this.#claimNow(params, null),
    ])
    const tasks = claimed.status === 'fulfilled' ? claimed.value.tasks : []
    if (first.status === 'fulfilled' && claimed.status === 'rejected' && params.requestId !== null) {
      // The caller repeats both: what is settled is told again, and what was claimed is given again.
      return mayHaveChanged(claimed.reason)
    }
    // What the other statement did must be told. Its caller will ask again for tasks, and meet what is wrong then.
    if (first.status === 'fulfilled') return { before: first.value, tasks }
    const anew = givenFirst(tasks)
    if (anew.length > 0) await this.#giveBack(params.namespace, anew).catch(() => {})
    throw first.reason
  }

  putBack(lane: number): void {
    this.#claimFloors.forget(lane)
  }

  #claimAlone(params: ClaimParams): Promise<readonly LeasedTask[]> {
    return this.#claimNow(params, null).then(({ tasks }) => tasks)
  }

  async #claimNow(params: ClaimParams, before: Statement | null) {
    const from = this.#claimFloors.start()
    const claimed = await this.#look(params, from, { before })
    const isShort = claimed.tasks.length < params.limit && !claimed.isWhole && !from.fromStart
    if (!isShort || !this.#claimFloors.isDue()) return claimed
    const more = await this.#look(params, FROM_START, { found: claimed.tasks }).catch((error: unknown) => {
      // It may have claimed more, which only the same claim is given again.
      if (params.requestId !== null && !isUndone(error)) throw error
      // What the first look has claimed must reach its claimer.
      return { tasks: [] }
    })
    return { before: claimed.before, tasks: [...claimed.tasks, ...more.tasks] }
  }

  /** @param more a statement that goes before, and what the same claim has found so far */
  async #look(
    params: ClaimParams,
    from: ClaimStart,
    { before = null, found = [] }: { before?: Statement | null; found?: readonly LeasedTask[] },
  ): Promise<Look> {
    const aside = params.limit < LARGE ? params.limit : 0
    const others = this.#underWay + (this.#nowMs() < this.#contentionUntil ? params.limit : 0)
    const run = this.#begin(params)
    const claim = claimStatement(run.way, this.#context, params, others, from, found)
    this.#underWay += aside
    const startedAt = this.#nowMs()
    try {
      const [rows, first] = await this.#send(claim, params.limit, before, run)
      run.answered()
      const claimed = rows.filter(([id]) => id !== null)
      const notes = claimed.length < rows.length ? rows.filter(([id]) => id === null) : []
      this.#take(notes)
      const tells = (note: Note) => notes.some((row) => noteOf(row) === note)
      if (tells('given')) {
        const tasks = await repeatedClaim(this.#context, params).catch(mayHaveChanged)
        return { before: first, tasks, isWhole: true }
      }
      this.#claimFloors.claimed(claimed.map(placeOf), from.fromStart, this.#nowMs() - startedAt)
      return { before: first, tasks: await leasedTasks(this.#context, claimed, params), isWhole: tells('cut') }
    } finally {
      run.end()
      this.#underWay -= aside
    }
  }

  #begin({ queues, limit }: ClaimParams): ClaimRun {
    if (queues !== null) return untimed('claim_tasks_4')
    return (limit < LARGE ? this.#ways.small : this.#ways.large).begin()
  }

  /** Other claimers, and lanes in which tasks became ready. */
  #take(notes: readonly Row[]): void {
    if (notes.some((row) => noteOf(row) === 'crowded')) this.#contentionUntil = this.#nowMs() + CONTENTION_MS
    const due = notes.filter((row) => noteOf(row) === 'due')
    if (due.length > 0) this.#context.publishReady(due.map(([, lane]) => Number(lane)))
  }

  async #send(
    claim: Statement,
    limit: number,
    before: Statement | null,
    { start }: ClaimRun,
  ): Promise<[Text[][], Text[][]]> {
    const { database } = this.#context
    if (before !== null)
      return (await database.runAsTransaction([before, claim], start)).reverse() as [Text[][], Text[][]]
    start()
    const run = limit < LARGE ? database.run : database.runPipelined
    return [await run(claim.text, claim.values), []]
  }
}

const claimBy = (way: ClaimWay) => `SELECT ${CLAIM_COLUMNS}
  FROM @${way}($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`
const CLAIM = { claim_tasks_4: claimBy('claim_tasks_4'), claim_tasks_3: claimBy('claim_tasks_3') } as const

/**
 * @param others how many tasks others may be taking at the same moment
 * @param found what the same claim has found so far
 */
function claimStatement(
  way: ClaimWay,
  { time }: StoreContext,
  { namespace, queues, types, limit, leaseMs, worker, requestId }: ClaimParams,
  others: number,
  { values: floors }: ClaimStart,
  found: readonly LeasedTask[],
): Statement {
  const { workerId, nodeId, session } = worker
  const bytes = found.reduce((sum, { payload }) => sum + Buffer.byteLength(payload), 0)
  const what = [namespace, queues, types, limit - found.length, leaseMs, LIMITS.claimBytes - bytes] as const
  const who = [workerId, nodeId, session, requestId] as const
  const values = [...time.params(), ...what, ...who, found.length > 0, SUSPECT_CRASHES, others, ...floors]
  return { text: CLAIM[way], values }
}
