import type {
  AcknowledgeEvent,
  ClaimEvent,
  CrashEvent,
  DatabaseEvent,
  EmbeddedRunEvent,
  ExtendEvent,
  FaultEvent,
  FinalEvent,
  HistoryEvent,
  RecordEvent,
  RunEvent,
  ServerEvent,
  SettleEvent,
  StartEvent,
  SubmitEvent,
} from './history.ts'

/** One lease as the server gave it out. */
export interface Lease {
  readonly id: string
  readonly token: number
  readonly worker: string
  readonly sentAt: number
  readonly at: number
  /** When the last heartbeat that the server granted was sent. */
  extendedAt: number
}

/** Everything that happened to one task, each list by time. */
export interface TaskRecord {
  readonly id: string
  readonly keys: Set<string>
  readonly leases: Lease[]
  readonly starts: StartEvent[]
  readonly settles: SettleEvent[]
  readonly records: RecordEvent[]
  readonly embeddedRuns: EmbeddedRunEvent[]
  final: FinalEvent | null
}

/** Everything that happened in a run, sorted for the checks. */
export interface RunRecord {
  readonly run: RunEvent
  readonly complete: boolean
  readonly tasks: ReadonlyMap<string, TaskRecord>
  /** Keys ever submitted. */
  readonly submitted: ReadonlySet<string>
  /** The ids that each acknowledged key was answered with. */
  readonly acknowledged: ReadonlyMap<string, ReadonlySet<string>>
  /** The keys of each batch. */
  readonly batches: readonly (readonly string[])[]
  readonly leasesOf: ReadonlyMap<string, readonly Lease[]>
  readonly faults: readonly FaultEvent[]
  readonly crashes: readonly CrashEvent[]
  readonly server: readonly ServerEvent[]
  readonly database: readonly DatabaseEvent[]
  /** Handler starts of all remote workers, by time. */
  readonly starts: readonly StartEvent[]
  /** When each remote task was first given out, and how long it had waited then since its acknowledgement. */
  readonly firstLeases: readonly { readonly at: number; readonly waitMs: number }[]
  /** When how many tasks were submitted, by time. */
  readonly submits: readonly { readonly at: number; readonly tasks: number }[]
}

/** Sorts a history by task. @throws when it has no `run` line */
export function toRunRecord(history: readonly HistoryEvent[]): RunRecord {
  const run = history.find((event) => event.e === 'run')
  if (run === undefined) throw new Error('the history has no run line: it is not one, or its beginning is missing')
  const builder = new RunRecordBuilder()
  for (const event of history) builder.add(event)
  return { run, ...builder.recorded }
}

class RunRecordBuilder {
  readonly #tasks = new Map<string, TaskRecord>()
  readonly #submitted = new Set<string>()
  readonly #acknowledged = new Map<string, Set<string>>()
  readonly #acknowledgedAt = new Map<string, number>()
  readonly #batches: (readonly string[])[] = []
  readonly #leases = new Map<string, Lease>()
  readonly #leasesOf = new Map<string, Lease[]>()
  readonly #faults: FaultEvent[] = []
  readonly #crashes: CrashEvent[] = []
  readonly #server: ServerEvent[] = []
  readonly #database: DatabaseEvent[] = []
  readonly #starts: StartEvent[] = []
  readonly #firstLeases: { at: number; waitMs: number }[] = []
  readonly #submits: { at: number; tasks: number }[] = []
  #complete = false

  get recorded(): Omit<RunRecord, 'run'> {
    return {
      complete: this.#complete,
      tasks: this.#tasks,
      submitted: this.#submitted,
      acknowledged: this.#acknowledged,
      batches: this.#batches,
      leasesOf: this.#leasesOf,
      faults: this.#faults,
      server: this.#server,
      database: this.#database,
      starts: this.#starts,
      firstLeases: this.#firstLeases,
      submits: this.#submits,
      crashes: this.#crashes,
    }
  }

  add(event: HistoryEvent): void {
    switch (event.e) {
      case 'submit':
        return this.#submit(event)
      case 'ack':
        return this.#acknowledge(event)
      case 'claim':
        return this.#claim(event)
      case 'extend':
        return this.#extend(event)
      case 'start':
        this.#starts.push(event)
        this.#task(event).starts.push(event)
        return
      case 'settle':
        return void this.#task(event).settles.push(event)
      case 'record':
        return void this.#task(event).records.push(event)
      case 'embedded-run':
        return void this.#task(event).embeddedRuns.push(event)
      case 'final':
        this.#task(event).final = event
        return
      case 'fault':
        return void this.#faults.push(event)
      case 'crash':
        return void this.#crashes.push(event)
      case 'server':
        return void this.#server.push(event)
      case 'database':
        return void this.#database.push(event)
      case 'end':
        this.#complete = true
        return
      case 'run':
        return
    }
  }

  /** The task that an event is about, which may name its key. */
  #task({ id, key }: { readonly id: string; readonly key?: string | null }): TaskRecord {
    let task = this.#tasks.get(id)
    if (task === undefined) {
      task = emptyTaskRecord(id)
      this.#tasks.set(id, task)
    }
    if (key !== undefined && key !== null) task.keys.add(key)
    return task
  }

  #submit({ keys, at }: SubmitEvent): void {
    for (const key of keys) this.#submitted.add(key)
    if (keys.length > 1) this.#batches.push(keys)
    this.#submits.push({ at, tasks: keys.length })
  }

  #acknowledge(event: AcknowledgeEvent): void {
    const ids = this.#acknowledged.get(event.key) ?? new Set()
    this.#acknowledged.set(event.key, ids.add(event.id))
    if (!this.#acknowledgedAt.has(event.id)) this.#acknowledgedAt.set(event.id, event.at)
    this.#task(event)
  }

  #claim({ worker, sentAt, at, tasks: claimed }: ClaimEvent): void {
    for (const { id, token, key } of claimed) {
      const lease: Lease = { id, token, worker, sentAt, at, extendedAt: sentAt }
      const { leases } = this.#task({ id, key })
      if (leases.length === 0) this.#firstLeases.push({ at, waitMs: at - (this.#acknowledgedAt.get(id) ?? at) })
      leases.push(lease)
      this.#leases.set(`${id} ${token}`, lease)
      append(this.#leasesOf, worker, lease)
    }
  }

  #extend({ leases, sentAt }: ExtendEvent): void {
    for (const { id, token } of leases) {
      const lease = this.#leases.get(`${id} ${token}`)
      if (lease !== undefined) lease.extendedAt = Math.max(lease.extendedAt, sentAt)
    }
  }
}

function emptyTaskRecord(id: string): TaskRecord {
  return { id, keys: new Set(), leases: [], starts: [], settles: [], records: [], embeddedRuns: [], final: null }
}

function append<Item>(lists: Map<string, Item[]>, key: string, item: Item): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [item])
  else list.push(item)
}
