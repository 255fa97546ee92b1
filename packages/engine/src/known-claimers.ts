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
  const entries = new Entries()
  return {
    note(asking) {
      const { nodeId, session } = asking.worker
      const entry = entries.newest(asking)
      entry.embedded = nodeId !== null
      entry.watched = session || entry.embedded
      entry.seenAt = clock.now()
      entry.waiting += 1
      return () => {
        entry.waiting -= 1
        entry.seenAt = clock.now()
      }
    },
    forget(namespace, workerId) {
      for (const entry of entries.of(namespace))
        if (entry.workerId === workerId && entry.waiting === 0) entries.remove(entry)
    },
    list(namespace) {
      const now = clock.now()
      const seenAgo = ({ waiting, seenAt }: Entry) => (waiting > 0 ? 0 : now - seenAt)
      const listed: KnownClaimer[] = []
      for (const entry of entries.of(namespace)) {
        const { namespace, workerId, asked, watched, embedded } = entry
        const seenAgoMs = seenAgo(entry)
        if (seenAgoMs > KEPT_MS) entries.remove(entry)
        else listed.push({ namespace, workerId, asked, seenAgoMs, watched, embedded })
      }
      return listed.sort((one, other) => one.seenAgoMs - other.seenAgoMs)
    },
  }
}

/** By namespace, worker and what is asked for; so many at most. */
class Entries {
  readonly #kept = createKeptAsked()
  /** By namespace; in each, who began to ask longest ago comes first. */
  readonly #byNamespace = new Map<string, Map<string, Entry>>()
  #size = 0

  /** Those there are now, of one namespace or of all. */
  of(namespace: string | undefined): readonly Entry[] {
    if (namespace !== undefined) return [...(this.#byNamespace.get(namespace)?.values() ?? [])]
    return [...this.#byNamespace.values()].flatMap((own) => [...own.values()])
  }

  /** The entry of who asks, made when there is none; it is the newest now. */
  newest({ namespace, worker: { workerId }, queues, types }: Asking): Entry {
    const asked = this.#kept.keep(queues, types)
    const key = `${asked.number} ${workerId}`
    const own = this.#byNamespace.get(namespace) ?? new Map<string, Entry>()
    this.#byNamespace.set(namespace, own)
    const known = own.get(key)
    const entry = known ?? { namespace, key, workerId, asked, watched: false, embedded: false, seenAt: 0, waiting: 0 }
    own.delete(key)
    own.set(key, entry)
    if (known === undefined) this.#size += 1
    else this.#kept.release(asked)
    if (this.#size > MOST) this.#removeOne()
    return entry
  }

  remove(entry: Entry): void {
    const own = this.#byNamespace.get(entry.namespace)
    if (!own?.delete(entry.key)) return
    if (own.size === 0) this.#byNamespace.delete(entry.namespace)
    this.#size -= 1
    this.#kept.release(entry.asked)
  }

  #removeOne(): void {
    const largest = [...this.#byNamespace.values()].reduce((most, own) => (own.size > most.size ? own : most))
    const [first] = largest.values()
    const idle = largest.values().find(({ waiting }) => waiting === 0) ?? first
    if (idle !== undefined) this.remove(idle)
  }
}
