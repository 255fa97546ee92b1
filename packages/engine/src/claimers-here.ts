import { type Claimer, type Claimers, EVERY_QUEUE, type WorkerKey, workerKey, workerOfKey } from '@taskyard/core'
import { createClaimerLog, type LoggedClaimer, type NotedClaim } from './claimer-log.ts'
import type { Connections } from './connections.ts'
import type { OpenSession } from './engine.ts'
import type { EngineContext } from './engine-context.ts'

/** So much of a beat may be about claimers, counted in characters of names. */
const MOST_TOLD = 65_536
/** Characters of a claimer beside its name. */
const CLAIMER_LENGTH = 32
/** Who asked within such a time of each other are alike: else each claim would put others into a beat. */
const ALIKE_MS = 10_000

/** What is asked for at this process, by those who claim and those who keep a session. */
export interface ClaimersHere {
  /** A worker claims; what is returned says that its call has ended. */
  claimBegins(claim: NotedClaim): () => void
  /** A worker keeps a session that is among the connections; what is returned says that it is there no longer. */
  sessionBegins(namespace: string, session: OpenSession): () => void
  /** The worker is gone, unless it is connected again. */
  forget(worker: WorkerKey): void
  /** Of one namespace. */
  of(namespace: string): readonly Claimers[]
  /** Of all, as much as goes into a beat: those that were seen last, within 10 s, and of which namespaces there are more. */
  told(): readonly Claimers[]
}

/** Says that more ask in a namespace than is told: those that there was no room for. */
export function moreClaimers(namespace: string): Claimers {
  return { namespace, queues: [], types: [], isPart: true, workers: [] }
}

/** Whether there are more than is told here. */
export function areMore({ isPart, workers }: Claimers): boolean {
  return isPart && workers.length === 0
}

/** Nobody has asked yet. */
export function createClaimersHere({ clock }: EngineContext, connections: Connections): ClaimersHere {
  const log = createClaimerLog(clock)

  function grouped(claimers: readonly LoggedClaimer[]): readonly Claimers[] {
    return groupsOf(claimers).map((alike) => {
      const { namespace, scope } = alike[0] as LoggedClaimer
      const { queues, types, isPart } = scope
      return { namespace, queues, types, isPart, workers: alike.map(toClaimer) }
    })
  }

  function toClaimer({ namespace, workerId, seenAgoMs, watched, embedded }: LoggedClaimer): Claimer {
    const connected = connections.of(workerKey({ namespace, workerId }))
    const concurrency = [...(connected?.sessions ?? [])].at(-1)?.concurrency ?? null
    return { workerId, seenAgoMs, concurrency, connected: connected !== undefined, watched, embedded }
  }

  return {
    claimBegins: log.note,
    sessionBegins(namespace, { workerId, queues = [], types = null, embedded = false }) {
      const worker = { workerId, nodeId: embedded ? '' : null, session: true }
      const claim = { namespace, worker, queues: queues.includes(EVERY_QUEUE) ? null : queues, types }
      // One that does not say what it takes may still claim.
      return queues.length === 0 ? () => {} : log.note(claim)
    },
    forget(worker) {
      const { namespace, workerId } = workerOfKey(worker)
      if (!connections.has(worker)) log.forget(namespace, workerId)
    },
    of: (namespace) => [
      ...grouped(log.list(namespace)),
      ...(log.hasLeftOut(namespace) ? [moreClaimers(namespace)] : []),
    ],
    told() {
      const all = log.list()
      const told = new Set(asMuchAsIsTold(all.toSorted(inSteadyOrder)))
      const namespaces = Map.groupBy(all, ({ namespace }) => namespace)
      const isPart = (own: readonly LoggedClaimer[], namespace: string) =>
        log.hasLeftOut(namespace) || own.some((claimer) => !told.has(claimer))
      const more = [...namespaces].filter(([namespace, own]) => isPart(own, namespace))
      return [...grouped([...told]), ...more.map(([namespace]) => moreClaimers(namespace))]
    },
  }
}

/** Those of one namespace that ask for the same. */
function groupsOf(claimers: readonly LoggedClaimer[]): readonly (readonly LoggedClaimer[])[] {
  const byNamespace = Map.groupBy(claimers, ({ namespace }) => namespace)
  return [...byNamespace.values()].flatMap((own) => [...Map.groupBy(own, ({ scope }) => scope).values()])
}

function inSteadyOrder(one: LoggedClaimer, other: LoggedClaimer): number {
  const age = ({ seenAgoMs }: LoggedClaimer) => Math.floor(seenAgoMs / ALIKE_MS)
  return age(one) - age(other) || (one.workerId < other.workerId ? -1 : 1)
}

/** In turn of the namespaces, and in each of what is asked for, so that nobody crowds the others out. */
function asMuchAsIsTold(claimers: readonly LoggedClaimer[]): readonly LoggedClaimer[] {
  const byNamespace = [...Map.groupBy(claimers, ({ namespace }) => namespace).values()]
  const turns = inTurn(byNamespace.map((own) => inTurn(groupsOf(own))))
  const met = new Map<string, Set<unknown>>()
  let room = MOST_TOLD
  return turns.filter(({ namespace, workerId, scope }) => {
    const metHere = met.get(namespace) ?? new Set()
    const length = workerId.length + CLAIMER_LENGTH + (metHere.has(scope) ? 0 : scope.length + namespace.length)
    if (length > room) return false
    room -= length
    met.set(namespace, metHere.add(scope))
    return true
  })
}

/** The first of each, the second of each, and so on. */
function inTurn<Item>(lists: readonly (readonly Item[])[]): readonly Item[] {
  const taken: Item[] = []
  for (let n = 0, left = lists; left.length > 0; n++) {
    left = left.filter((list) => n < list.length)
    for (const list of left) taken.push(list[n] as Item)
  }
  return taken
}
