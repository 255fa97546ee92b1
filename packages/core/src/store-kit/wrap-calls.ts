import type { OpenedStore } from '../ports/opened-store.ts'
import type { PresencePort } from '../ports/presence.ts'
import type { QueuesPort } from '../ports/queues.ts'
import type { ReadsPort } from '../ports/reads.ts'
import type { TaskTypesPort } from '../ports/task-types.ts'
import type { TasksPort } from '../ports/tasks.ts'
import type { UpkeepPort } from '../ports/upkeep.ts'

/** A call that asks the store, by the name of its method. */
export type StoreCall =
  | keyof TasksPort
  | keyof ReadsPort
  | keyof QueuesPort
  | keyof TaskTypesPort
  | keyof PresencePort
  | keyof UpkeepPort
  | 'migrate'

/** Gives what is to be called in place of `call`. */
export type WrapCall = <Params, Reply>(
  name: StoreCall,
  call: (params: Params) => Promise<Reply>,
) => (params: Params) => Promise<Reply>

/** Every method of a facet, by name: one that is forgotten does not compile. */
export type CallsOf<Facet> = Readonly<Record<keyof Facet, true>>

const TASK_CALLS: CallsOf<TasksPort> = {
  enqueue: true,
  claim: true,
  extend: true,
  settle: true,
  record: true,
  cancel: true,
  retry: true,
  delete: true,
}
const READ_CALLS: CallsOf<ReadsPort> = {
  find: true,
  list: true,
  history: true,
  counts: true,
  position: true,
  readyLanes: true,
}
const QUEUE_CALLS: CallsOf<QueuesPort> = { pause: true }
const PRESENCE_CALLS: CallsOf<PresencePort> = {
  beat: true,
  holders: true,
  claimers: true,
  endLeases: true,
  takeBackCrashes: true,
}
const TYPE_CALLS: CallsOf<TaskTypesPort> = { declareTypes: true, listTypes: true }
const UPKEEP_CALLS: CallsOf<UpkeepPort> = { sweep: true }

/** The same store with something around every call that asks it: timing, faults, a cache. */
export function wrapCalls(store: OpenedStore, wrap: WrapCall): OpenedStore {
  const { lifecycle } = store
  return {
    tasks: wrapFacet(store.tasks, TASK_CALLS, wrap),
    reads: wrapFacet(store.reads, READ_CALLS, wrap),
    queues: wrapFacet(store.queues, QUEUE_CALLS, wrap),
    taskTypes: wrapFacet(store.taskTypes, TYPE_CALLS, wrap),
    presence: wrapFacet(store.presence, PRESENCE_CALLS, wrap),
    upkeep: wrapFacet(store.upkeep, UPKEEP_CALLS, wrap),
    wakeUps: store.wakeUps,
    news: store.news,
    lifecycle: {
      durability: lifecycle.durability,
      migrate: wrap('migrate', () => lifecycle.migrate()) as typeof lifecycle.migrate,
      health: () => lifecycle.health(),
      ...(lifecycle.backup === undefined
        ? {}
        : { backup: () => (lifecycle.backup as NonNullable<typeof lifecycle.backup>)() }),
      threadAccess: () => lifecycle.threadAccess(),
      close: () => lifecycle.close(),
    },
  }
}

type Call = (params: unknown) => Promise<unknown>

function wrapFacet<Facet extends object>(facet: Facet, calls: CallsOf<Facet>, wrap: WrapCall): Facet {
  const methods = facet as unknown as Record<StoreCall, Call>
  const names = Object.keys(calls) as StoreCall[]
  return Object.fromEntries(names.map((name) => [name, wrap(name, (params) => methods[name](params))])) as Facet
}
