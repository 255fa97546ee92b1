import { EventEmitter, once } from 'node:events'
import { MessageChannel } from 'node:worker_threads'
import {
  type ClaimRequest,
  type ExtendParams,
  type ExtendStatus,
  fromJsonText,
  LEASE_LOST,
  type LeasedTaskDocument,
  type LeaseRef,
  type OutcomeAnswer,
  type RecordEntry,
  type SettleRequest,
  type SettleResponse,
  type TaskOutcome,
  type ThreadAccess,
  type TypeDefaults,
  type TypeWithDefaults,
  type WorkerApi,
  type WorkerSession,
} from '@taskyard/core'

interface MemoryTask {
  readonly document: LeasedTaskDocument
  token: number
  state: 'queued' | 'running' | 'ended'
  cancelRequested: boolean
}

/** What came, with its values read. */
type AcceptedOutcome = Omit<TaskOutcome, 'result'> & { readonly result?: unknown }
type TakenRecord = LeaseRef & { readonly progress?: unknown; readonly log?: string }

/** A Taskyard in memory with the rules a worker can notice: leases, tokens, cancel requests and outages. */
export class MemoryApi implements WorkerApi {
  readonly tasks = new Map<string, MemoryTask>()
  readonly accepted: AcceptedOutcome[] = []
  readonly records: TakenRecord[] = []
  readonly calls: string[] = []
  readonly claims: ClaimRequest[] = []
  readonly events = new EventEmitter()
  /** What every call rejects with while set. */
  outage: Error | null = null
  /** What a settle call rejects with, asked for each. */
  refuse: (request: SettleRequest) => Error | null = () => null
  /** The same of a record call. */
  refuseRecords: (entries: readonly RecordEntry[]) => Error | null = () => null
  sessions = 0
  readonly declared = new Map<string, TypeDefaults>()
  readonly heartbeatsRefused: (readonly LeaseRef[])[] = []
  onCancel: (taskId: string) => void = () => {}
  onSessionChange: (isOpen: boolean) => void = () => {}
  /** Answers heartbeats by itself, in the thread, as long as the flag in here is 0: [flag, leases extended]. */
  readonly counters = new Int32Array(new SharedArrayBuffer(8))
  #nextId = 0

  add(
    type: string,
    payload: unknown = null,
    {
      timeoutSeconds = null,
      crashes = 0,
      maxAttempts = 10,
    }: { timeoutSeconds?: number | null; crashes?: number; maxAttempts?: number } = {},
  ): string {
    const id = `00000000-0000-7000-8000-${String(++this.#nextId).padStart(12, '0')}`
    const document = { ...taskDocument(id, type, payload, timeoutSeconds), crashes, maxAttempts }
    this.tasks.set(id, { document, token: 0, state: 'queued', cancelRequested: false })
    this.events.emit('ready')
    return id
  }

  async claim(request: ClaimRequest, signal: AbortSignal): Promise<readonly LeasedTaskDocument[]> {
    this.#enter('claim')
    this.claims.push(request)
    const tasks = this.#lease(request)
    if (tasks.length > 0 || signal.aborted || request.waitSeconds === 0) return tasks
    await once(this.events, 'ready', { signal }).catch(() => null)
    if (signal.aborted) return []
    this.#enter('claim')
    return this.#lease(request)
  }

  async settle({ outcomes, claim }: SettleRequest): Promise<SettleResponse> {
    this.#enter('settle')
    const refusal = this.refuse({ outcomes })
    if (refusal !== null) throw refusal
    await new Promise((resolve) => setImmediate(resolve))
    const results = outcomes.map((outcome) => ({ taskId: outcome.taskId, ...this.#settle(outcome) }))
    this.events.emit('settled')
    return claim === undefined ? { results } : { results, tasks: this.#lease(claim) }
  }

  async record(entries: readonly RecordEntry[]) {
    this.#enter('record')
    const refusal = this.refuseRecords(entries)
    if (refusal !== null) throw refusal
    for (const { progress, ...entry } of entries) {
      this.records.push(progress === undefined ? entry : { ...entry, progress: fromJsonText(progress) })
    }
    this.events.emit('recorded')
    return entries.map(({ taskId, token }) => ({ taskId, status: this.#holds(taskId, token) ? 'ok' : 'lost' }) as const)
  }

  async declareTypes(types: readonly TypeWithDefaults[]): Promise<void> {
    this.#enter('declareTypes')
    for (const { type, defaults } of types) this.declared.set(type, defaults)
    this.events.emit('declared')
  }

  openSession(
    _worker: unknown,
    onCancel: (taskId: string) => void,
    onSessionChange: (isOpen: boolean) => void = () => {},
  ): WorkerSession {
    this.sessions++
    this.onCancel = onCancel
    this.onSessionChange = onSessionChange
    return {
      opened: Promise.resolve(),
      close: async () => {
        this.sessions--
      },
    }
  }

  heartbeatRefused(leases: readonly LeaseRef[]): void {
    this.heartbeatsRefused.push(leases)
  }

  threadAccess(): ThreadAccess {
    const { port1, port2 } = new MessageChannel()
    port1.on('message', ({ leases }: ExtendParams) => port1.postMessage(leases.map((lease) => this.extendOne(lease))))
    port1.unref()
    const module = new URL('./memory-lease-extender.ts', import.meta.url).href
    return { module, data: { port: port2, counters: this.counters }, transfer: [port2] }
  }

  extendOne({ taskId, token }: { taskId: string; token: number }): ExtendStatus {
    if (!this.#holds(taskId, token)) return 'lost'
    return this.tasks.get(taskId)?.cancelRequested ? 'cancel' : 'ok'
  }

  /** Ends a lease as its expiry would: the next claim gets the task under a new token. */
  takeAway(taskId: string): void {
    const task = this.tasks.get(taskId) as MemoryTask
    task.state = 'queued'
    task.token++
    this.events.emit('ready')
  }

  /** A cancel request of which the worker does not hear. */
  requestCancel(taskId: string): void {
    const task = this.tasks.get(taskId) as MemoryTask
    task.cancelRequested = true
  }

  /** Ends a task without its worker's word, as a cancel that was not obeyed would. */
  end(taskId: string): void {
    const task = this.tasks.get(taskId) as MemoryTask
    task.state = 'ended'
  }

  /** Resolves once so many outcomes were accepted. */
  async settled(count: number): Promise<readonly AcceptedOutcome[]> {
    while (this.accepted.length < count) await once(this.events, 'settled')
    return this.accepted
  }

  #enter(call: string): void {
    if (this.outage !== null) {
      this.events.emit(`refused ${call}`)
      throw this.outage
    }
    this.calls.push(call)
    this.events.emit(call)
  }

  #holds(taskId: string, token: number): boolean {
    const task = this.tasks.get(taskId)
    return task?.state === 'running' && task.token === token
  }

  #lease({ types, limit }: Pick<ClaimRequest, 'types' | 'limit'>): readonly LeasedTaskDocument[] {
    const leased: LeasedTaskDocument[] = []
    for (const task of this.tasks.values()) {
      if (leased.length === limit) break
      if (task.state !== 'queued' || (types !== undefined && !types.includes(task.document.type))) continue
      task.state = 'running'
      task.token++
      leased.push({ ...task.document, lease: { token: task.token, expiresAt: '2030-01-01T00:00:00.000Z' } })
    }
    return leased
  }

  #toTheEndOfTheLine(taskId: string, task: MemoryTask): void {
    this.tasks.delete(taskId)
    this.tasks.set(taskId, task)
  }

  #settle(outcome: TaskOutcome): OutcomeAnswer {
    if (!this.#holds(outcome.taskId, outcome.token)) return LEASE_LOST
    const task = this.tasks.get(outcome.taskId) as MemoryTask
    task.state = outcome.outcome === 'released' ? 'queued' : 'ended'
    if (task.state === 'queued') this.#toTheEndOfTheLine(outcome.taskId, task)
    const { result, ...rest } = outcome
    this.accepted.push(result === undefined ? rest : { ...rest, result: fromJsonText(result) })
    return { status: 'ok', ...wentTo(outcome, task) }
  }
}

function wentTo({ outcome, retryable = true }: TaskOutcome, { document, cancelRequested }: MemoryTask) {
  if (outcome === 'succeeded') return { taskStatus: outcome }
  if (outcome === 'cancelled' || cancelRequested) return { taskStatus: 'cancelled' } as const
  if (outcome === 'released') return { taskStatus: 'queued' } as const
  const hasMore = retryable && document.attempt < document.maxAttempts
  return hasMore
    ? ({ taskStatus: 'scheduled', runAt: document.createdAt } as const)
    : ({ taskStatus: 'failed' } as const)
}

export function taskDocument(id: string, type: string, payload: unknown, timeoutSeconds: number | null) {
  const at = '2026-01-01T00:00:00.000Z'
  return {
    id,
    namespace: 'default',
    queue: 'default',
    type,
    status: 'running',
    priority: 0,
    payload,
    result: null,
    error: null,
    attempt: 1,
    maxAttempts: 10,
    crashes: 0,
    progress: null,
    tags: [],
    runAt: at,
    createdAt: at,
    startedAt: at,
    finishedAt: null,
    timeoutSeconds,
    idempotencyKey: null,
    workerId: null,
    lease: { token: 0, expiresAt: at },
  } as const satisfies LeasedTaskDocument
}
