import type {
  ClaimEvent,
  CrashEvent,
  DatabaseEvent,
  EmbeddedRunEvent,
  FaultEvent,
  FinalEvent,
  HistoryEvent,
  RecordEvent,
  RunEvent,
  ServerEvent,
  SettleEvent,
  StartEvent,
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
export interface TaskStory {
  readonly id: string
  readonly keys: Set<string>
  readonly leases: Lease[]
  readonly starts: StartEvent[]
  readonly settles: SettleEvent[]
  readonly records: RecordEvent[]
  readonly embeddedRuns: EmbeddedRunEvent[]
  final: FinalEvent | null
}

export interface Story {
  readonly run: RunEvent
  readonly complete: boolean
  readonly tasks: ReadonlyMap<string, TaskStory>
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
export function tellStory(history: readonly HistoryEvent[]): Story {
  const run = history.find((event) => event.e === 'run')
  if (run === undefined) throw new Error('the history has no run line: it is not one, or its beginning is missing')
  const tasks = new Map<string, TaskStory>()
  const submitted = new Set<string>()
  const acknowledged = new Map<string, Set<string>>()
  const batches: (readonly string[])[] = []
  const leases = new Map<string, Lease>()
  const leasesOf = new Map<string, Lease[]>()
  const faults: FaultEvent[] = []
  const crashes: CrashEvent[] = []
  const server: ServerEvent[] = []
  const database: DatabaseEvent[] = []
  const starts: StartEvent[] = []
  const firstLeases: { at: number; waitMs: number }[] = []
  const acknowledgedAt = new Map<string, number>()
  const submits: { at: number; tasks: number }[] = []
  let complete = false

  const task = (id: string): TaskStory => {
    let story = tasks.get(id)
    if (story === undefined) {
      story = emptyStory(id)
      tasks.set(id, story)
    }
    return story
  }
  const claim = ({ worker, sentAt, at, tasks: claimed }: ClaimEvent) => {
    for (const { id, token, key } of claimed) {
      const lease: Lease = { id, token, worker, sentAt, at, extendedAt: sentAt }
      if (key !== null) task(id).keys.add(key)
      if (task(id).leases.length === 0) firstLeases.push({ at, waitMs: at - (acknowledgedAt.get(id) ?? at) })
      task(id).leases.push(lease)
      leases.set(`${id} ${token}`, lease)
      append(leasesOf, worker, lease)
    }
  }

  for (const event of history) {
    switch (event.e) {
      case 'submit':
        for (const key of event.keys) submitted.add(key)
        if (event.keys.length > 1) batches.push(event.keys)
        submits.push({ at: event.at, tasks: event.keys.length })
        break
      case 'ack': {
        const ids = acknowledged.get(event.key) ?? new Set()
        acknowledged.set(event.key, ids.add(event.id))
        if (!acknowledgedAt.has(event.id)) acknowledgedAt.set(event.id, event.at)
        task(event.id).keys.add(event.key)
        break
      }
      case 'claim':
        claim(event)
        break
      case 'extend':
        for (const { id, token } of event.leases) {
          const lease = leases.get(`${id} ${token}`)
          if (lease !== undefined) lease.extendedAt = Math.max(lease.extendedAt, event.sentAt)
        }
        break
      case 'start':
        starts.push(event)
        task(event.id).starts.push(event)
        task(event.id).keys.add(event.key)
        break
      case 'settle':
        task(event.id).settles.push(event)
        break
      case 'record':
        task(event.id).records.push(event)
        break
      case 'embedded-run':
        task(event.id).embeddedRuns.push(event)
        break
      case 'final':
        task(event.id).final = event
        task(event.id).keys.add(event.key)
        break
      case 'fault':
        faults.push(event)
        break
      case 'crash':
        crashes.push(event)
        break
      case 'server':
        server.push(event)
        break
      case 'database':
        database.push(event)
        break
      case 'end':
        complete = true
        break
      case 'run':
        break
    }
  }
  return {
    run,
    complete,
    tasks,
    submitted,
    acknowledged,
    batches,
    leasesOf,
    faults,
    server,
    database,
    starts,
    firstLeases,
    submits,
    crashes,
  }
}

function emptyStory(id: string): TaskStory {
  return { id, keys: new Set(), leases: [], starts: [], settles: [], records: [], embeddedRuns: [], final: null }
}

function append<Item>(lists: Map<string, Item[]>, key: string, item: Item): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [item])
  else list.push(item)
}
