import {
  type Backoff,
  type BeatReply,
  type Clock,
  DEFAULT_BACKOFF,
  type TaskTypesPort,
  type TypeWithDefaults,
} from '@taskyard/core'

/** What may have changed elsewhere is used so long while it is read anew, ms; then submissions wait for it. */
const RENEWED_WITHIN_MS = 2000
/** Where no beat has told for so long whether anything was declared, ms, nothing that was read before counts. */
const UNHEARD_MS = 4000
/**
 * Whatever beats tell, nothing counts for longer, ms, and what is used is read anew before: a process may have died between its
 * declaration and the word of it, or be of a version that gives none.
 */
const OLDEST_MS = 60_000
const OLD_MS = 45_000
/** Of namespaces and types together; which namespaces are known costs memory, and one read when it is forgotten. */
const MOST_KEPT = 100_000

/** What submissions of a type get, with its backoff made whole. */
export interface KnownDefaults {
  readonly maxAttempts?: number
  readonly backoff?: Backoff
  readonly timeoutSeconds?: number | null
}

/** Of a namespace, by type. */
export type KnownTypes = ReadonlyMap<string, KnownDefaults>

/** Not read: a beat has told that there are none. */
const NONE: KnownTypes = new Map()

export interface TypesAtHandParams {
  readonly taskTypes: Pick<TaskTypesPort, 'listTypes'>
  /** Monotonic. */
  readonly clock: Pick<Clock, 'now'>
  /** Other processes may declare types too. */
  readonly shared: boolean
}

interface Kept {
  readonly types: KnownTypes
  /** When it began to be read, or was taken for `NONE`, and how many declarations there were then, as far as was heard. */
  readonly at: number
  readonly declarations: number | null
}

/** What the last beat told. */
interface Heard extends BeatReply {
  /** When the beat was sent, and when the number became this one. */
  readonly at: number
  readonly since: number
}

/**
 * The defaults of types, kept at hand for submissions: read at the first of a namespace, again when a beat tells that some were
 * declared elsewhere, and each minute. Nobody waits for a first read while beats tell that the whole store has none.
 */
export class TypesAtHand {
  readonly #params: TypesAtHandParams
  readonly #kept = new Map<string, Kept>()
  readonly #reads = new Map<string, Promise<KnownTypes>>()
  readonly #declarations = new Map<string, Set<Promise<unknown>>>()
  /** `null` from a declaration of this process on, until a beat that was sent after it. */
  #heard: Heard | null = null
  #declaredAt = Number.NEGATIVE_INFINITY
  #size = 0

  constructor(params: TypesAtHandParams) {
    this.#params = params
  }

  /** @param sentAt when the beat was sent */
  hear(reply: BeatReply, sentAt: number): void {
    if (sentAt <= this.#declaredAt || this.#declarations.size > 0) return
    const before = this.#heard
    const since = before?.declarations === reply.declarations ? before.since : sentAt
    this.#heard = { ...reply, at: sentAt, since }
  }

  /** So cheap that every submission may ask. `undefined`: they have to be read. */
  known(namespace: string): KnownTypes | undefined {
    const { shared, clock } = this.#params
    if (!shared) return this.#kept.get(namespace)?.types
    const now = clock.now()
    const kept = this.#kept.get(namespace) ?? this.#takenForNone(namespace, now)
    if (kept === undefined || now >= this.#usableUntil(kept)) return undefined
    // Should it fail, it is read again, and in the end somebody waits for it.
    if (this.#isOutdated(kept, now) && !this.#reads.has(namespace)) this.read(namespace).catch(() => {})
    return kept.types
  }

  /** As they are now, with all that this process was declaring when it was asked. */
  read(namespace: string): Promise<KnownTypes> {
    const underWay = this.#reads.get(namespace)
    if (underWay !== undefined) return underWay
    const reading: Promise<KnownTypes> = this.#readNow(namespace, () => this.#reads.get(namespace) === reading)
    this.#reads.set(namespace, reading)
    return reading
  }

  /** Whoever asks from now on waits for the end of the declaration, and sees it. */
  async whileDeclaring<Reply>(namespace: string, declaring: Promise<Reply>): Promise<Reply> {
    const others = this.#declarations.get(namespace) ?? new Set()
    this.#declarations.set(namespace, others.add(declaring))
    this.#forget(namespace)
    this.#heard = null
    try {
      return await declaring
    } finally {
      others.delete(declaring)
      if (others.size === 0) this.#declarations.delete(namespace)
      this.#forget(namespace)
      this.#heard = null
      this.#declaredAt = this.#params.clock.now()
    }
  }

  #takenForNone(namespace: string, now: number): Kept | undefined {
    if (this.#heard === null || this.#heard.anyDefaults) return undefined
    const taken = { types: NONE, at: now, declarations: this.#heard.declarations }
    this.#keep(namespace, taken)
    return taken
  }

  #usableUntil(kept: Kept): number {
    return Math.min(this.#confirmedUntil(kept), kept.at + OLDEST_MS)
  }

  #confirmedUntil({ types, at, declarations }: Kept): number {
    const heard = this.#heard
    if (types === NONE) return heard === null || heard.anyDefaults ? Number.NEGATIVE_INFINITY : heard.at + UNHEARD_MS
    if (heard === null) return at + UNHEARD_MS
    if (heard.declarations === declarations) return Math.max(heard.at, at) + UNHEARD_MS
    return Math.max(heard.since, at) + RENEWED_WITHIN_MS
  }

  #isOutdated({ at, declarations }: Kept, now: number): boolean {
    if (this.#heard === null) return now >= at + RENEWED_WITHIN_MS
    return declarations !== this.#heard.declarations || now >= at + OLD_MS
  }

  /** @param isCurrent whether nothing was declared since it began */
  async #readNow(namespace: string, isCurrent: () => boolean): Promise<KnownTypes> {
    try {
      await Promise.allSettled(this.#declarations.get(namespace) ?? [])
      const at = this.#params.clock.now()
      const declarations = this.#heard?.declarations ?? null
      const types = wholeTypes(await this.#params.taskTypes.listTypes({ namespace }))
      if (isCurrent()) this.#keep(namespace, { types, at, declarations })
      return types
    } finally {
      if (isCurrent()) this.#reads.delete(namespace)
    }
  }

  #keep(namespace: string, kept: Kept): void {
    this.#size += sizeOf(kept) - sizeOf(this.#kept.get(namespace))
    this.#kept.delete(namespace)
    this.#kept.set(namespace, kept)
    for (const oldest of this.#kept.keys()) {
      if (this.#size <= MOST_KEPT || oldest === namespace) return
      this.#forget(oldest)
    }
  }

  #forget(namespace: string): void {
    this.#size -= sizeOf(this.#kept.get(namespace))
    this.#kept.delete(namespace)
    this.#reads.delete(namespace)
  }
}

function sizeOf(entry: Kept | undefined): number {
  return entry === undefined ? 0 : 1 + entry.types.size
}

function wholeTypes(types: readonly TypeWithDefaults[]): KnownTypes {
  return new Map(
    types.map(({ type, defaults: { backoff, ...defaults } }) => [
      type,
      backoff === undefined ? defaults : { ...defaults, backoff: { ...DEFAULT_BACKOFF, ...backoff } },
    ]),
  )
}
