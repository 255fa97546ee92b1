import { type Clock, type JsonText, LIMITS, type Random, type RecordEntry, type WorkerApi } from '@taskyard/core'
import type { Attempt } from './attempt.ts'
import { Condition } from './condition.ts'
import { DroppedRecords } from './dropped-records.ts'
import { progressText } from './progress-text.ts'
import type { ReportError } from './report-error.ts'
import { isRefusal, isUnexpected, MOST_UNEXPECTED, pause, retryDelayMs } from './retry.ts'
import { truncateUtf8 } from './truncate.ts'

const FLUSH_MS = 250
const PENDING_BYTES = 32 * 1024 * 1024
/** Records of one call: they fit into one body, so that a refused call has stored none of them. */
const BATCH_BYTES = 900_000
/** Lease, names and punctuation around a record. */
const ENTRY_BYTES = 150
/** How long an outcome waits for the records of its task. Then it goes without them. */
const PATIENCE_MS = 5000

interface PendingRecord {
  readonly n: number
  readonly attempt: Attempt
  bytes: number
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
 * Progress and log lines on their way: sent together every 250 ms, in order, and before the outcome of their task. Of an
 * attempt's progress only the newest waits; over 1000 lines per attempt, or 32 MiB in all, lines are dropped.
 *
 * Records may be lost and outcomes must not: where records are not taken, outcomes go without them, and what was
 * dropped is reported.
 */
export class RecordBuffer {
  readonly #params: RecordBufferParams
  readonly #progressOf = new Map<Attempt, PendingRecord>()
  readonly #dropped: DroppedRecords
  readonly #condition = new Condition()
  #pending: PendingRecord[] = []
  #pendingBytes = 0
  #added = 0
  #sent = 0
  #sending: Promise<void> | null = null
  #timerSet = false
  /** Since when calls fail, ms; `null`: the last one was answered. */
  #failingSince: number | null = null
  #storeIsFull = false

  constructor(params: RecordBufferParams) {
    this.#params = params
    this.#dropped = new DroppedRecords(params)
  }

  /** @throws TaskyardError `invalid_request` for what would not be kept as it is */
  addProgress(attempt: Attempt, value: unknown): void {
    const progress = progressText(value)
    const waiting = this.#progressOf.get(attempt)
    if (waiting === undefined) this.#add(attempt, { ...leaseOf(attempt), progress }, Buffer.byteLength(progress))
    else this.#renew(waiting, progress)
  }

  addLog(attempt: Attempt, line: string): void {
    if (attempt.records >= LIMITS.recordsPerAttempt) return
    attempt.records++
    const log = truncateUtf8(String(line), LIMITS.logBytes)
    this.#add(attempt, { ...leaseOf(attempt), log }, Buffer.byteLength(JSON.stringify(log)))
  }

  /**
   * Resolves when the records of these attempts have been delivered or refused, or are not worth more waiting; `null`
   * when there is nothing to wait for.
   */
  delivered(attempts: readonly Attempt[]): Promise<void> | null {
    let last = 0
    for (const { lastRecord } of attempts) if (lastRecord > last) last = lastRecord
    return last > this.#sent && !this.#areStuck() ? this.#waitFor(last) : null
  }

  flush(): Promise<void> {
    this.#sending ??= this.#sendBatch().finally(() => {
      this.#sending = null
    })
    return this.#sending
  }

  close(): void {
    this.#dropped.add(this.#pending.length, 'the worker has stopped')
    this.#dropped.tell()
  }

  async #waitFor(n: number): Promise<void> {
    const { clock } = this.#params
    const over = new AbortController()
    const settled = this.#condition.until(() => over.signal.aborted || this.#sent >= n || this.#areStuck())
    void this.#deliverThrough(n)
    await Promise.race([settled, pause(clock, PATIENCE_MS, over.signal)])
    over.abort()
    this.#condition.changed()
  }

  async #deliverThrough(n: number): Promise<void> {
    while (this.#sent < n && !this.#params.giveUp.aborted) await this.flush()
  }

  #areStuck(): boolean {
    if (this.#failingSince === null) return false
    return this.#storeIsFull || this.#params.clock.now() - this.#failingSince >= PATIENCE_MS
  }

  #add(attempt: Attempt, entry: RecordEntry, textBytes: number): void {
    if (attempt.state !== 'running' || attempt.leaseLost) return
    if (this.#pendingBytes > PENDING_BYTES) {
      this.#dropped.add(1, `over ${PENDING_BYTES} bytes of them wait to be sent`)
      return
    }
    const bytes = textBytes + ENTRY_BYTES
    const record: PendingRecord = { n: ++this.#added, attempt, bytes, entry }
    attempt.lastRecord = record.n
    this.#pending.push(record)
    this.#pendingBytes += bytes
    if ('progress' in entry) this.#progressOf.set(attempt, record)
    this.#flushLater()
  }

  #renew(waiting: PendingRecord, progress: JsonText): void {
    const bytes = Buffer.byteLength(progress) + ENTRY_BYTES
    this.#pendingBytes += bytes - waiting.bytes
    waiting.bytes = bytes
    waiting.entry = { ...waiting.entry, progress }
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
    const batch = this.#pending.slice(0, this.#batchSize())
    this.#pending = this.#pending.slice(batch.length)
    for (const record of batch)
      if (this.#progressOf.get(record.attempt) === record) this.#progressOf.delete(record.attempt)
    await this.#deliver(batch)
    for (const { bytes } of batch) this.#pendingBytes -= bytes
    this.#sent = batch.at(-1)?.n ?? this.#sent
    this.#condition.changed()
  }

  #batchSize(): number {
    let bytes = 0
    for (let size = 0; size < this.#pending.length; size++) {
      bytes += (this.#pending[size] as PendingRecord).bytes
      if (size === LIMITS.batch || (bytes > BATCH_BYTES && size > 0)) return size
    }
    return this.#pending.length
  }

  async #deliver(batch: readonly PendingRecord[]): Promise<void> {
    const { clock, random, report, giveUp } = this.#params
    let why = 'the worker has stopped'
    let unexpected = 0
    for (let failures = 0; ; failures++) {
      const alive = this.#alive(batch, why)
      if (alive.length === 0) return
      if (giveUp.aborted) return this.#dropped.add(alive.length, why)
      try {
        return await this.#send(alive)
      } catch (error) {
        report(error, 'record')
        why = messageOf(error)
        unexpected = isUnexpected(error) ? unexpected + 1 : 0
        if (isRefusal(error) || unexpected > MOST_UNEXPECTED) {
          return await this.#deliverInHalves(alive, why)
        }
        this.#failed(error)
        await pause(clock, retryDelayMs(failures, random), giveUp)
      }
    }
  }

  /** One record that is never taken costs itself alone. */
  async #deliverInHalves(records: readonly PendingRecord[], why: string): Promise<void> {
    if (records.length === 1) return this.#dropped.add(1, why)
    const half = Math.ceil(records.length / 2)
    await this.#deliver(records.slice(0, half))
    await this.#deliver(records.slice(half))
  }

  async #send(records: readonly PendingRecord[]): Promise<void> {
    const results = await this.#params.api.record(records.map(({ entry }) => entry))
    this.#failingSince = null
    this.#storeIsFull = false
    records.forEach(({ attempt }, index) => {
      if (results[index]?.status !== 'lost') return
      if (isOutcomeAccepted(attempt)) this.#dropped.add(1, 'the outcomes of their tasks went first')
      else this.#params.onLost(attempt)
    })
  }

  #failed(error: unknown): void {
    this.#failingSince ??= this.#params.clock.now()
    this.#storeIsFull = (error as { code?: unknown } | null)?.code === 'store_full'
    this.#condition.changed()
  }

  /** Without those whose lease is over: nobody would take them. */
  #alive(batch: readonly PendingRecord[], why: string): readonly PendingRecord[] {
    const alive = batch.filter(({ attempt }) => !attempt.leaseLost && !isOutcomeAccepted(attempt))
    this.#dropped.add(batch.filter(({ attempt }) => !attempt.leaseLost && isOutcomeAccepted(attempt)).length, why)
    return alive
  }
}

/** Its outcome was accepted. */
function isOutcomeAccepted({ state }: Attempt): boolean {
  return state === 'ended'
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function leaseOf({ task }: Attempt): { taskId: string; token: number } {
  return { taskId: task.id, token: task.lease.token }
}
