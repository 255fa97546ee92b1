import { EVERY_QUEUE, type ReadyLane } from '@taskyard/core'
import { type Asked, isAsked } from './asked.ts'
import type { KnownWorker } from './known-workers.ts'

export type QueueAndType = Pick<ReadyLane, 'queue' | 'type'>

/** What the known workers of a namespace take. */
export interface Taking {
  takers(lane: QueueAndType): readonly KnownWorker[]
  /** Whether there are any. So cheap that it can be asked of thousands. */
  isTaken(lane: QueueAndType): boolean
  /** From which queues a type is taken, in order; `*` is every queue. */
  queuesOf(type: string): readonly string[]
  /** Those that are taken by name, from whatever queue, in order. */
  types(): readonly string[]
}

/** Looks once at what each of them asks for. */
export function takingOf(workers: readonly KnownWorker[]): Taking {
  const all = workers.flatMap(({ asked }) => asked)
  const distinct = [...new Map(all.map((asked) => [JSON.stringify(asked), asked])).values()]
  return {
    takers: (lane) => workers.filter(({ asked }) => asked.some((one) => isAsked(one, lane))),
    isTaken: indexOf(distinct),
    queuesOf(type) {
      const takesType = ({ types }: Asked) => types?.includes(type) ?? true
      return inOrder(distinct.filter(takesType).flatMap(({ queues }) => queues ?? [EVERY_QUEUE]))
    },
    types: () => inOrder(distinct.flatMap(({ types }) => types ?? [])),
  }
}

/** The same as asking `isAsked` of each, but not by the number of lanes times that of names. */
function indexOf(all: readonly Asked[]): (lane: QueueAndType) => boolean {
  const ofEveryType = new Set<string>()
  const fromEveryQueue = new Set<string>()
  const byType = new Map<string, Set<string>[]>()
  let takesAll = false
  for (const { queues, types, isPart } of all) {
    if (isPart || (queues === null && types === null)) takesAll = true
    else if (types === null) for (const queue of queues ?? []) ofEveryType.add(queue)
    else if (queues === null) for (const type of types) fromEveryQueue.add(type)
    else {
      const own = new Set(queues)
      for (const type of types) byType.set(type, [...(byType.get(type) ?? []), own])
    }
  }
  return ({ queue, type }) => {
    if (takesAll || ofEveryType.has(queue) || fromEveryQueue.has(type)) return true
    return byType.get(type)?.some((queues) => queues.has(queue)) ?? false
  }
}

function inOrder(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort()
}
