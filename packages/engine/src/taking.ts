import { closestName, EVERY_QUEUE, type ReadyLane } from '@taskyard/core'
import type { KnownWorker, KnownWorkers } from './known-workers.ts'
import { isInScope, type Scope } from './scope.ts'

/** So many queues are looked at to say from which a type is taken. */
const MOST_QUEUES = 10_000
/** For so many types it is looked what they may be misspelt from. */
const MOST_MEANT = 20

export type QueueAndType = Pick<ReadyLane, 'queue' | 'type'>

/** What the known workers of a namespace take. */
export interface Taking {
  takers(lane: QueueAndType): readonly KnownWorker[]
  /** Whether there are any, or may be, as not all are known. So cheap that it can be asked of thousands. */
  isTaken(lane: QueueAndType): boolean
  /** From which queues a type is taken, in order; `*` is every queue. */
  queuesOf(type: string): readonly string[]
  /** Those that are taken by name, from whatever queue, in order. */
  readonly types: readonly string[]
  /** Which of these was meant, if any looks like it. Of many types it is told for the first. */
  meantBy(type: string): string | null
}

/** Looks once at what each of them asks for. */
export function takingOf({ workers, complete }: KnownWorkers): Taking {
  const index = indexOf(new Set(workers.flatMap(({ scopes }) => scopes)))
  const takesMore = index.takesMore || !complete
  const types = [...index.byType.keys()].sort()
  const meant = new Map<string, string | null>()
  return {
    takers: (lane) => workers.filter(({ scopes }) => scopes.some((scope) => isInScope(scope, lane))),
    isTaken({ queue, type }) {
      const { ofEveryType, byType } = index
      return takesMore || has(ofEveryType, queue) || (byType.get(type)?.some((queues) => has(queues, queue)) ?? false)
    },
    queuesOf: (type) => namesOf([index.ofEveryType, ...(index.byType.get(type) ?? [])]),
    types,
    meantBy(type) {
      if (!meant.has(type) && meant.size < MOST_MEANT) meant.set(type, closestName(type, types))
      return meant.get(type) ?? null
    },
  }
}

type Queues = ReadonlySet<string>

interface Index {
  /** The queues of which every type is asked for. */
  readonly ofEveryType: Queues
  /** Those that are asked for together with a type. */
  readonly byType: ReadonlyMap<string, readonly Queues[]>
  /** Somebody asks for more than is known. */
  readonly takesMore: boolean
}

function indexOf(all: ReadonlySet<Scope>): Index {
  const ofEveryType = new Set<string>()
  const byType = new Map<string, Queues[]>()
  let takesMore = false
  for (const { queues, types, isPart } of all) {
    const own = new Set(queues ?? [EVERY_QUEUE])
    takesMore ||= isPart
    if (types === null) for (const queue of own) ofEveryType.add(queue)
    for (const type of types ?? []) {
      const others = byType.get(type)
      if (others === undefined) byType.set(type, [own])
      else others.push(own)
    }
  }
  return { ofEveryType, byType, takesMore }
}

function has(queues: Queues, queue: string): boolean {
  return queues.has(queue) || queues.has(EVERY_QUEUE)
}

function namesOf(all: readonly Queues[]): readonly string[] {
  const names = all.values().flatMap((queues) => queues.values())
  return [...new Set(names.take(MOST_QUEUES))].sort()
}
