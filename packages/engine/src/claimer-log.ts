import type { ClaimParams, Clock } from '@taskyard/core'
import { once } from './once.ts'
import { createScopePool, type KeptScope, type ScopePool } from './scope.ts'

/** So many are known at a process, of all namespaces: who asks, and for what, is anybody's choice. */
const MOST = 2000
/** Characters of the names of queues and types that they ask for. */
const MOST_LENGTH = 1_048_576
/** A worker that holds tasks need not ask: what it asked for is kept for so long. */
const KEPT_MS = 3_600_000
const NEVER = Number.NEGATIVE_INFINITY

/** A worker that has asked for tasks here. One that asks for several things in turn is in it with each. */
export interface LoggedClaimer {
  readonly namespace: string
  readonly workerId: string
  readonly scope: KeptScope
  /** How long ago it asked last; 0 while it waits. */
  readonly seenAgoMs: number
  readonly watched: boolean
  readonly embedded: boolean
}

/** What of a claim is noted: who asks, and for what. */
export type NotedClaim = Pick<ClaimParams, 'namespace' | 'worker' | 'queues' | 'types'>

/** Who asked for what at this process, and when last. */
export interface ClaimerLog {
  /** A worker asks; what is returned says that it does no longer. So cheap that every claim may say it. */
  note(claim: NotedClaim): () => void
  /** A worker is gone: what it has asked for counts no more, but for calls that wait. */
  forget(namespace: string, workerId: string): void
  /** Of one namespace, or of all; who was seen last comes first. */
  list(namespace?: string): readonly LoggedClaimer[]
  /** Whether there was no room for one of a namespace that would be in the list. */
  hasLeftOut(namespace: string): boolean
}

interface Entry {
  readonly namespace: string
  readonly key: string
  readonly workerId: string
  readonly scope: KeptScope
  watched: boolean
  embedded: boolean
  seenAt: number
  /** Calls that wait, and sessions. */
  waiting: number
}

/** Nobody is known yet. Of too many those go that were seen longest ago, of the namespace that takes most room. */
export function createClaimerLog(clock: Clock): ClaimerLog {
  const entries = new Entries()
  return {
    note(claim) {
      const { nodeId, session } = claim.worker
      const entry = entries.newest(claim)
      entry.embedded = nodeId !== null
      entry.watched = session || entry.embedded
      entry.seenAt = clock.now()
      entry.waiting += 1
      return once(() => {
        entry.waiting -= 1
        entry.seenAt = clock.now()
      })
    },
    forget(namespace, workerId) {
      for (const entry of entries.of(namespace))
        if (entry.workerId === workerId && entry.waiting === 0) entries.remove(entry)
    },
    hasLeftOut: (namespace) => clock.now() - entries.leftOutAt(namespace) <= KEPT_MS,
    list(namespace) {
      const now = clock.now()
      const seenAgo = ({ waiting, seenAt }: Entry) => (waiting > 0 ? 0 : now - seenAt)
      const listed: LoggedClaimer[] = []
      for (const entry of entries.of(namespace)) {
        const { namespace, workerId, scope, watched, embedded } = entry
        const seenAgoMs = seenAgo(entry)
        if (seenAgoMs > KEPT_MS) entries.remove(entry)
        else listed.push({ namespace, workerId, scope, seenAgoMs, watched, embedded })
      }
      return listed.sort((one, other) => one.seenAgoMs - other.seenAgoMs)
    },
  }
}

/** Those of a namespace, by worker and scope; who began to ask longest ago comes first. */
interface Own {
  readonly entries: Map<string, Entry>
  readonly scopes: ScopePool
  /** When one that went for want of room was seen last. */
  leftOutAt: number
}

/** So many at most, with names of so many characters. */
class Entries {
  readonly #byNamespace = new Map<string, Own>()
  #size = 0
  #length = 0

  /** Those there are now, of one namespace or of all. */
  of(namespace: string | undefined): readonly Entry[] {
    if (namespace !== undefined) return [...(this.#byNamespace.get(namespace)?.entries.values() ?? [])]
    return [...this.#byNamespace.values()].flatMap(({ entries }) => [...entries.values()])
  }

  leftOutAt(namespace: string): number {
    return this.#byNamespace.get(namespace)?.leftOutAt ?? NEVER
  }

  /** The entry of who asks, made when there is none; it is the newest now. */
  newest({ namespace, worker: { workerId }, queues, types }: NotedClaim): Entry {
    const own = this.#byNamespace.get(namespace) ?? { entries: new Map(), scopes: createScopePool(), leftOutAt: NEVER }
    this.#byNamespace.set(namespace, own)
    const scope = this.#keep(own.scopes, queues, types)
    const key = `${scope.number} ${workerId}`
    const known = own.entries.get(key)
    const entry = known ?? { namespace, key, workerId, scope, watched: false, embedded: false, seenAt: 0, waiting: 0 }
    own.entries.delete(key)
    own.entries.set(key, entry)
    if (known === undefined) this.#size += 1
    else own.scopes.release(scope)
    while (this.#size > MOST || this.#length > MOST_LENGTH) this.#removeOne()
    return entry
  }

  remove(entry: Entry): void {
    const own = this.#byNamespace.get(entry.namespace)
    if (!own?.entries.delete(entry.key)) return
    if (own.entries.size === 0) this.#byNamespace.delete(entry.namespace)
    this.#size -= 1
    const lengthBefore = own.scopes.length()
    own.scopes.release(entry.scope)
    this.#length += own.scopes.length() - lengthBefore
  }

  #keep(scopes: ScopePool, queues: readonly string[] | null, types: readonly string[] | null): KeptScope {
    const lengthBefore = scopes.length()
    const scope = scopes.keep(queues, types)
    this.#length += scopes.length() - lengthBefore
    return scope
  }

  #removeOne(): void {
    const own = [...this.#byNamespace.values()].reduce((most, own) => (room(own) > room(most) ? own : most))
    const [first] = own.entries.values()
    const idle = own.entries.values().find(({ waiting }) => waiting === 0) ?? first
    if (idle === undefined) return
    own.leftOutAt = Math.max(own.leftOutAt, idle.seenAt)
    this.remove(idle)
  }
}

/** The share that these have of what there is room for. */
function room({ entries, scopes }: Own): number {
  return entries.size / MOST + scopes.length() / MOST_LENGTH
}
