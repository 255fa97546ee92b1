import {
  type ClaimRequest,
  LEASE_LOST,
  type LeasedTaskDocument,
  LIMITS,
  type OutcomeAnswer,
  type SettleResponse,
  type TaskOutcome,
  type WorkerApi,
} from '@taskyard/core'
import type { Attempt } from './attempt.ts'
import { failedOutcome } from './outcome.ts'
import type { RecordBuffer } from './record-buffer.ts'
import {
  isDefinite,
  isRefusal,
  isUnexpected,
  MOST_UNEXPECTED,
  MOST_UNEXPECTED_ALONE,
  pause,
  retryDelayMs,
} from './retry.ts'
import type { WorkerSettings } from './worker-options.ts'

/** Settle calls in flight at once: while one is on the wire, the next can be filled and the last be answered. */
const MAX_IN_FLIGHT = 3
const WAIT_SECONDS = 30

export interface SettleTrafficParams {
  readonly api: WorkerApi
  readonly settings: WorkerSettings
  readonly records: RecordBuffer
  /** Aborts when no more tasks are wanted. */
  readonly stopping: AbortSignal
  /** Aborts when the worker has to go, delivered or not. */
  readonly giveUp: AbortSignal
  /** Tasks that may be here at once, and how many of these places are free. */
  capacity(): number
  room(): number
  /** Nothing runs and nothing is ready to. */
  idle(): boolean
  onTasks(tasks: readonly LeasedTaskDocument[]): void
  onSettled(attempt: Attempt, answer: OutcomeAnswer): void
  /** Something that a stopping worker waits for may have happened. */
  onChange(): void
}

/**
 * The worker's traffic: outcomes go out in batches, and the same call claims tasks for the slots that are free. When a
 * claim leaves slots empty, one long poll waits for tasks. Outcomes are kept and repeated until they are accepted,
 * or their lease is known to be lost.
 */
export class SettleTraffic {
  readonly #params: SettleTrafficParams
  #finished: Attempt[] = []
  #inFlight = 0
  #reserved = 0
  #polling = false
  #claims = 0

  constructor(params: SettleTrafficParams) {
    this.#params = params
  }

  /** Outcomes not yet accepted. */
  get empty(): boolean {
    return this.#finished.length === 0 && this.#inFlight === 0
  }

  get polling(): boolean {
    return this.#polling
  }

  /** Takes an attempt whose outcome is known. */
  add(attempt: Attempt): void {
    this.#finished.push(attempt)
  }

  /** Enough has gathered for a call of its own; until then more calls would only be smaller ones. */
  get batchReady(): boolean {
    return this.#finished.length >= this.#batchThreshold()
  }

  flush(): void {
    while (this.#inFlight < MAX_IN_FLIGHT && this.#isWorthSending()) this.#sendBatch()
    if (!this.#polling && this.#finished.length === 0) this.#pollForTasks()
  }

  #isWorthSending(): boolean {
    if (this.#finished.length === 0) return false
    return this.#inFlight === 0 || this.batchReady || this.#params.idle()
  }

  #batchThreshold(): number {
    return Math.min(LIMITS.batch, Math.ceil(this.#params.capacity() / 4))
  }

  #wanted(): number {
    if (this.#params.stopping.aborted) return 0
    return Math.max(0, Math.min(LIMITS.claim, this.#params.room() - this.#reserved))
  }

  #sendBatch(): void {
    // A few outcomes leave the claiming to the long poll that waits for tasks anyway.
    const limit = this.#polling && !this.batchReady ? 0 : this.#wanted()
    const batch = this.#finished.slice(0, LIMITS.batch)
    this.#finished = this.#finished.slice(batch.length)
    this.#inFlight++
    this.#reserved += limit
    void this.#send(batch, limit)
      .catch((error: unknown) => this.#params.settings.report(error, 'settle'))
      .finally(() => {
        this.#inFlight--
        this.flush()
        this.#params.onChange()
      })
  }

  async #send(batch: readonly Attempt[], limit: number): Promise<void> {
    let tasks: readonly LeasedTaskDocument[] = []
    try {
      tasks = await this.#settle(batch, limit)
    } finally {
      this.#reserved -= limit
    }
    this.#params.onTasks(tasks)
  }

  async #settle(all: readonly Attempt[], limit: number): Promise<readonly LeasedTaskDocument[]> {
    const { records, settings, giveUp } = this.#params
    const claim = limit > 0 ? this.#claimRequest(limit) : null
    let batch = all
    // A claim that may have been done is repeated, too, or what it gave would wait for the end of its leases.
    let mayHaveClaimed = false
    let unexpected = 0
    for (let failures = 0; ; failures++) {
      const recorded = records.delivered(batch)
      if (recorded !== null) await recorded
      const next: typeof claim = claim !== null && (mayHaveClaimed || !this.#params.stopping.aborted) ? claim : null
      try {
        return await this.#settleOnce(batch, next)
      } catch (error) {
        settings.report(error, 'settle')
        unexpected = isUnexpected(error) ? unexpected + 1 : 0
        if (isRefusal(error) || unexpected > (batch.length > 1 ? MOST_UNEXPECTED : MOST_UNEXPECTED_ALONE)) {
          await this.#settleOneByOne(batch, error as Error)
          return mayHaveClaimed && claim !== null ? await this.#claimLeftBehind(claim) : []
        }
        mayHaveClaimed ||= next !== null && !isDefinite(error)
        await pause(settings.clock, retryDelayMs(failures, settings.random), giveUp)
      }
      batch = this.#dropLost(batch)
      if (giveUp.aborted || (batch.length === 0 && !mayHaveClaimed)) return []
    }
  }

  async #settleOnce(
    batch: readonly Attempt[],
    claim: Omit<ClaimRequest, 'waitSeconds'> | null,
  ): Promise<readonly LeasedTaskDocument[]> {
    const outcomes = batch.map(outcomeOf)
    const response = await this.#params.api.settle(claim ? { outcomes, claim } : { outcomes })
    const { results, tasks = [] } = answered(response, batch.length)
    this.#settled(batch, results)
    return tasks
  }

  // One outcome that the other side will never take must not hold back the rest: each goes by itself, and the one that
  // fails again becomes a failure that says why.
  async #settleOneByOne(batch: readonly Attempt[], error: Error): Promise<readonly []> {
    if (batch.length > 1) {
      for (const attempt of batch) await this.#settle([attempt], 0)
      return []
    }
    const attempt = batch[0]
    if (attempt === undefined) return []
    if (attempt.refused) {
      this.#params.onSettled(attempt, LEASE_LOST)
      return []
    }
    const { code = 'error' } = error as { code?: string }
    attempt.refused = true
    attempt.outcome = failedOutcome(attempt, { code, message: error.message }, !isRefusal(error))
    await this.#settle([attempt], 0)
    return []
  }

  #settled(batch: readonly Attempt[], results: readonly OutcomeAnswer[]): void {
    for (let index = 0; index < batch.length; index++) {
      this.#params.onSettled(batch[index] as Attempt, results[index] ?? LEASE_LOST)
    }
  }

  #dropLost(batch: readonly Attempt[]): readonly Attempt[] {
    if (!batch.some(({ leaseLost }) => leaseLost)) return batch
    for (const attempt of batch) if (attempt.leaseLost) this.#params.onSettled(attempt, LEASE_LOST)
    return batch.filter(({ leaseLost }) => !leaseLost)
  }

  #pollForTasks(): void {
    const limit = this.#wanted()
    if (limit === 0) return
    const { settings, stopping, onChange } = this.#params
    this.#polling = true
    void this.#poll(limit)
      .catch((error: unknown) => {
        settings.report(error, 'claim')
        return pause(settings.clock, retryDelayMs(10, settings.random), stopping)
      })
      .finally(() => {
        this.#polling = false
        if (!stopping.aborted) this.flush()
        onChange()
      })
  }

  /** One claim after the other until one would have no room. Paced when they come back empty at once. */
  async #poll(firstLimit: number): Promise<void> {
    const { settings, stopping, onTasks } = this.#params
    let emptyPolls = 0
    for (let limit = firstLimit; limit > 0; limit = this.#wanted()) {
      const startedAt = settings.clock.now()
      this.#reserved += limit
      let tasks: readonly LeasedTaskDocument[] = []
      try {
        tasks = await this.#claim(limit)
      } finally {
        this.#reserved -= limit
      }
      const waited = settings.clock.now() - startedAt >= 1000
      emptyPolls = tasks.length > 0 || waited ? 0 : emptyPolls + 1
      onTasks(tasks)
      if (emptyPolls > 0) await pause(settings.clock, retryDelayMs(emptyPolls, settings.random), stopping)
    }
  }

  /** One claim, repeated as it is until it is answered. */
  async #claim(limit: number): Promise<readonly LeasedTaskDocument[]> {
    const { api, settings, stopping } = this.#params
    const request = this.#claimRequest(limit)
    let mayHaveClaimed = false
    for (let failures = 0; !stopping.aborted; failures++) {
      try {
        return listed(await api.claim({ ...request, waitSeconds: WAIT_SECONDS }, stopping))
      } catch (error) {
        mayHaveClaimed ||= !isDefinite(error)
        if (stopping.aborted) break
        settings.report(error, 'claim')
        await pause(settings.clock, retryDelayMs(failures, settings.random), stopping)
      }
    }
    return mayHaveClaimed ? await this.#claimLeftBehind(request) : []
  }

  /** What a claim gave whose answer never came, when the worker stops: one look, so that it can be given back. */
  async #claimLeftBehind(request: ClaimRequest): Promise<readonly LeasedTaskDocument[]> {
    const { api, settings, giveUp } = this.#params
    try {
      return listed(await api.claim({ ...request, limit: 1, waitSeconds: 0 }, giveUp))
    } catch (error) {
      settings.report(error, 'claim')
      return []
    }
  }

  #claimRequest(limit: number): Omit<ClaimRequest, 'waitSeconds'> {
    const { workerId, startId, queues, types, leaseSeconds } = this.#params.settings
    return { workerId, queues, types, limit, leaseSeconds, requestId: `${startId}-${++this.#claims}` }
  }
}

function outcomeOf({ outcome }: Attempt): TaskOutcome {
  return outcome as TaskOutcome
}

/** @throws TypeError for an answer that is none: nothing is known then */
function answered(response: SettleResponse, count: number): SettleResponse {
  if (response?.results?.length !== count) throw new TypeError(`settle was not answered with ${count} results`)
  return response
}

/** @throws TypeError for an answer that is none */
function listed(tasks: readonly LeasedTaskDocument[]): readonly LeasedTaskDocument[] {
  if (!Array.isArray(tasks)) throw new TypeError('claim was answered without a list of tasks')
  return tasks
}
