import type { ClaimParams, Clock } from '@taskyard/core'
import { type Asked, createKeptAsked, type Kept } from './asked.ts'

/** So many are known at a process, of all namespaces: who asks, and for what, is anybody's choice. */
const MOST = 2000
/** A worker that holds tasks need not ask: what it asked for is kept for so long. */
const KEPT_MS = 3_600_000

/** A worker that has asked for tasks here. One that asks for several things in turn is in it with each. */
export interface KnownClaimer {
  readonly namespace: string
  readonly workerId: string
  /** One and the same for all who ask for the same. */
  readonly asked: Kept
  /** How long ago it asked last; 0 while it waits. */
  readonly seenAgoMs: number
  readonly watched: boolean
  readonly embedded: boolean
}

/** Who asks, and for what. */
export type Asking = Pick<ClaimParams, 'namespace' | 'worker'> & Omit<Asked, 'isPart'>

export interface KnownClaimers {
  /** A worker asks; what is returned says, once, that it does no longer. So cheap that every claim may say it. */
  note(asking: Asking): () => void
  /** A worker has closed its session: what it has asked for counts no more, but for calls that wait. */
  forget(namespace: string, workerId: string): void
  /** Of one namespace, or of all; who was seen last comes first. */
  list(namespace?: string): readonly KnownClaimer[]
}

interface Entry {
  readonly namespace: string
  readonly key: string
  readonly workerId: string
  readonly asked: Kept
  watched: boolean
  embedded: boolean
  seenAt: number
  /** Calls that wait, and sessions. */
  waiting: number
}

/** Nobody is known yet. Of too many those go that were seen longest ago, of the namespace that has the most. */
export function createKnownClaimers(clock: Clock): KnownClaimers {
  const kept = createKeptAsked()
  /** By namespace; in each, who began to ask longest ago comes first. */
  const entries = new Map<string, Map<string, Entry>>()
  let size = 0

  /** Takes the newest place. */
  function put(entry: Entry): void {
    const own = entries.get(entry.namespace) ?? new Map<string, Entry>()
    entries.set(entry.namespace, own)
    if (!own.delete(entry.key)) size += 1
    own.set(entry.key, entry)
    if (size > MOST) forgetOne()
  }

  function remove(entry: Entry): void {
    const own = entries.get(entry.namespace)
    if (!own?.delete(entry.key)) return
    if (own.size === 0) entries.delete(entry.namespace)
    size -= 1
    kept.release(entry.asked)
  }

  function forgetOne(): void {
    const largest = [...entries.values()].reduce((most, own) => (own.size > most.size ? own : most))
    const [first] = largest.values()
    const idle = largest.values().find(({ waiting }) => waiting === 0) ?? first
    if (idle !== undefined) remove(idle)
  }

  function entryOf({ namespace, worker, queues, types }: Asking): Entry {
    const asked = kept.keep(queues, types)
    const key = `${asked.number} ${worker.workerId}`
    const known = entries.get(namespace)?.get(key)
    if (known === undefined)
      return {
        namespace,
        key,
        workerId: worker.workerId,
        asked,
        watched: false,
        embedded: false,
        seenAt: 0,
        waiting: 0,
      }
    kept.release(asked)
    return known
  }

  function listed(own: Map<string, Entry>): readonly KnownClaimer[] {
    const now = clock.now()
    const seenAgo = ({ waiting, seenAt }: Entry) => (waiting > 0 ? 0 : now - seenAt)
    for (const entry of [...own.values()]) if (seenAgo(entry) > KEPT_MS) remove(entry)
    return [...own.values()].map((entry) => {
      const { namespace, workerId, asked, watched, embedded } = entry
      return { namespace, workerId, asked, seenAgoMs: seenAgo(entry), watched, embedded }
    })
  }

  return {
    note(asking) {
      const { nodeId, session } = asking.worker
      const entry = entryOf(asking)
      entry.embedded = nodeId !== null
      entry.watched = session || entry.embedded
      entry.seenAt = clock.now()
      entry.waiting += 1
      put(entry)
      return () => {
        entry.waiting -= 1
        entry.seenAt = clock.now()
      }
    },
    forget(namespace, workerId) {
      const own = [...(entries.get(namespace)?.values() ?? [])]
      for (const entry of own) if (entry.workerId === workerId && entry.waiting === 0) remove(entry)
    },
    list(namespace) {
      const owns = namespace === undefined ? [...entries.values()] : [entries.get(namespace) ?? new Map()]
      return owns.flatMap(listed).sort((one, other) => one.seenAgoMs - other.seenAgoMs)
    },
  }
}
