import { type Claimer, type Claimers, EVERY_QUEUE, workerKey } from '@taskyard/core'
import type { Connections } from './connections.ts'
import type { OpenSession } from './engine.ts'
import type { EngineContext } from './engine-context.ts'
import { type Asking, createKnownClaimers, type KnownClaimer } from './known-claimers.ts'

/** So much of a beat may be about claimers, counted in characters of names. */
const MOST_TOLD = 65_536
/** Characters of a claimer beside its name. */
const CLAIMER_LENGTH = 32

/** What is asked for at this process, by those who claim and those who keep a session. */
export interface ClaimersHere {
  /** A worker claims; what is returned says that its call has ended. */
  noteClaim(asking: Asking): () => void
  /** A worker keeps a session that is among the connections; what is returned says that it is there no longer. */
  noteSession(namespace: string, session: OpenSession): () => void
  /** Of one namespace. */
  of(namespace: string): readonly Claimers[]
  /** Of all, as much as goes into a beat: those that were seen last. */
  told(): readonly Claimers[]
}

/** Nobody has asked yet. */
export function createClaimersHere({ clock }: EngineContext, connections: Connections): ClaimersHere {
  const known = createKnownClaimers(clock)

  function grouped(claimers: readonly KnownClaimer[]): readonly Claimers[] {
    return groupsOf(claimers).map((alike) => {
      const { namespace, asked } = alike[0] as KnownClaimer
      const { queues, types, isPart } = asked
      return { namespace, queues, types, isPart, workers: alike.map(toClaimer) }
    })
  }

  function toClaimer({ namespace, workerId, seenAgoMs, watched, embedded }: KnownClaimer): Claimer {
    const connected = connections.of(workerKey({ namespace, workerId }))
    const concurrency = [...(connected?.sessions ?? [])].at(-1)?.concurrency ?? null
    return { workerId, seenAgoMs, concurrency, connected: connected !== undefined, watched, embedded }
  }

  return {
    noteClaim: known.note,
    noteSession(namespace, { workerId, queues = [], types = null, embedded = false }) {
      const worker = { workerId, nodeId: embedded ? '' : null, session: true }
      const asking = { namespace, worker, queues: queues.includes(EVERY_QUEUE) ? null : queues, types }
      // One that does not say what it takes may still claim.
      const end = queues.length === 0 ? () => {} : known.note(asking)
      return () => {
        end()
        if (!connections.has(workerKey({ namespace, workerId }))) known.forget(namespace, workerId)
      }
    },
    of: (namespace) => grouped(known.list(namespace)),
    told: () => grouped(asMuchAsIsTold(known.list())),
  }
}

/** Those of one namespace that ask for the same. */
function groupsOf(claimers: readonly KnownClaimer[]): readonly (readonly KnownClaimer[])[] {
  const byNamespace = Map.groupBy(claimers, ({ namespace }) => namespace)
  return [...byNamespace.values()].flatMap((own) => [...Map.groupBy(own, ({ asked }) => asked).values()])
}

/** In turn of the namespaces, and in each of what is asked for, so that nobody crowds the others out. */
function asMuchAsIsTold(claimers: readonly KnownClaimer[]): readonly KnownClaimer[] {
  const byNamespace = [...Map.groupBy(claimers, ({ namespace }) => namespace).values()]
  const turns = inTurn(byNamespace.map((own) => inTurn(groupsOf(own))))
  const met = new Map<string, Set<unknown>>()
  let room = MOST_TOLD
  return turns.filter(({ namespace, workerId, asked }) => {
    const metHere = met.get(namespace) ?? new Set()
    const length = workerId.length + CLAIMER_LENGTH + (metHere.has(asked) ? 0 : asked.length + namespace.length)
    if (length > room) return false
    room -= length
    met.set(namespace, metHere.add(asked))
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
