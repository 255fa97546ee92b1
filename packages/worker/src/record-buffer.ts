import {
  type Clock,
  fromJsonText,
  LIMITS,
  type Random,
  type RecordEntry,
  toJsonText,
  type WorkerApi,
} from '@taskyard/core'
import type { Attempt } from './attempt.ts'
import { isRefusal, pause, retryDelayMs } from './retry.ts'
import { truncateUtf8 } from './truncate.ts'
import type { ReportError } from './worker-options.ts'

const FLUSH_MS = 250
const PENDING_BYTES = 32 * 1024 * 1024

interface PendingRecord {
  readonly n: number
  readonly attempt: Attempt
  readonly bytes: number
  entry: RecordEntry
}

export interface RecordBufferParams {
  readonly api: WorkerApi
  readonly clock: Clock
  readonly random: Random
  readonly report: ReportError
  /** Aborts when the worker has to go, delivered or not. */
  readonly giveUp: AbortSignal
  onLost(attempt: Attempt): void
}

/**
 * Progress and log lines on their way: sent together every 250 ms, in order, and always before the outcome of their
 * task. Of an attempt's progress only the newest waits; over 1000 lines per attempt, or 32 MiB in all, lines are dropped.
 */
export class RecordBuffer {
  readonly #params: RecordBufferParams
  readonly #progressOf = new Map<Attempt, PendingRecord>()
  #pending: PendingRecord[] = []
  #pendingBytes = 0
  #added = 0
  #sent = 0
  #sending: Promise<void> | null = null
  #timerSet = false

  constructor(params: RecordBufferParams) {
    this.#params = params
  }

  /** @throws TypeError when the value has no JSON form */
  addProgress(attempt: Attempt, value: unknown): void {
    const text = toJsonText(value)
    const fits = text.length * 3 <= LIMITS.progressBytes || Buffer.byteLength(text) <= LIMITS.progressBytes
    // Quoting the cut text as a JSON string can at most double it. A copy: the handler may go on changing its own.
    const progress = fits ? fromJsonText(text) : truncateUtf8(text, LIMITS.progressBytes / 2 - 2)
    const waiting = this.#progressOf.get(attempt)
    if (waiting !== undefined) waiting.entry = { ...waiting.entry, progress }
    else this.#add(attempt, { ...leaseOf(attempt), progress }, text.length)
  }

  addLog(attempt: Attempt, line: string): void {
    if (attempt.records >= LIMITS.recordsPerAttempt) return
    attempt.records++
    const log = truncateUtf8(String(line), LIMITS.logBytes)
    this.#add(attempt, { ...leaseOf(attempt), log }, log.length)
  }

  /** Resolves when every record of these attempts has been delivered or refused; `null` when there is none. */
  delivered(attempts: readonly Attempt[]): Promise<void> | null {
    let last = 0
    for (const { lastRecord } of attempts) if (lastRecord > last) last = lastRecord
    return last > this.#sent ? this.#deliverThrough(last) : null
  }

  flush(): Promise<void> {
    this.#sending ??= this.#sendBatch().finally(() => {
      this.#sending = null
    })
    return this.#sending
  }

  async #deliverThrough(n: number): Promise<void> {
    while (this.#sent < n) await this.flush()
  }

  #add(attempt: Attempt, entry: RecordEntry, bytes: number): void {
    if (attempt.state !== 'running' || attempt.leaseLost || this.#pendingBytes > PENDING_BYTES) return
    const record: PendingRecord = { n: ++this.#added, attempt, bytes, entry }
    attempt.lastRecord = record.n
    this.#pending.push(record)
    this.#pendingBytes += bytes
    if ('progress' in entry) this.#progressOf.set(attempt, record)
    this.#flushLater()
  }

  #flushLater(): void {
    if (this.#timerSet) return
    this.#timerSet = true
    this.#params.clock.after(FLUSH_MS, () => {
      this.#timerSet = false
      void this.flush().then(() => {
        if (this.#pending.length > 0) this.#flushLater()
      })
    })
  }

  async #sendBatch(): Promise<void> {
    const batch = this.#pending.slice(0, LIMITS.batch)
    this.#pending = this.#pending.slice(batch.length)
    for (const record of batch)
      if (this.#progressOf.get(record.attempt) === record) this.#progressOf.delete(record.attempt)
    await this.#deliver(batch)
    for (const { bytes } of batch) this.#pendingBytes -= bytes
    this.#sent = batch.at(-1)?.n ?? this.#sent
  }

  async #deliver(batch: readonly PendingRecord[]): Promise<void> {
    const { api, clock, random, report, giveUp } = this.#params
    for (let failures = 0; !giveUp.aborted; failures++) {
      const alive = batch.filter(({ attempt }) => !attempt.leaseLost)
      if (alive.length === 0) return
      try {
        const results = await api.record(alive.map(({ entry }) => entry))
        alive.forEach(({ attempt }, index) => {
          if (results[index]?.status === 'lost') this.#params.onLost(attempt)
        })
        return
      } catch (error) {
        report(error, 'record')
        if (isRefusal(error)) return
        await pause(clock, retryDelayMs(failures, random), giveUp)
      }
    }
  }
}

function leaseOf({ task }: Attempt): { taskId: string; token: number } {
  return { taskId: task.id, token: task.lease.token }
}
