import { type Backoff, type Clock, DEFAULT_BACKOFF, type TaskTypesPort, type TypeWithDefaults } from '@taskyard/core'

/** What another process declares counts here after this long at most, ms; from half of it on it is read anew in good time. */
const OLDEST_MS = 4000
const RENEW_MS = OLDEST_MS / 2
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

export interface TypesAtHandParams {
  readonly taskTypes: Pick<TaskTypesPort, 'listTypes'>
  /** Monotonic. */
  readonly clock: Pick<Clock, 'now'>
  /** Other processes may declare types too. */
  readonly shared: boolean
}

interface Kept {
  readonly types: KnownTypes
  /** When it began to be read. */
  readonly at: number
}

/**
 * The defaults of types, kept at hand for submissions: read at the first of a namespace, and again while they are used and
 * others may change them.
 */
export class TypesAtHand {
  readonly #params: TypesAtHandParams
  readonly #kept = new Map<string, Kept>()
  readonly #reads = new Map<string, Promise<KnownTypes>>()
  readonly #declarations = new Map<string, Set<Promise<unknown>>>()
  #size = 0

  constructor(params: TypesAtHandParams) {
    this.#params = params
  }

  /** So cheap that every submission may ask. `undefined`: they have to be read. */
  known(namespace: string): KnownTypes | undefined {
    const { clock, shared } = this.#params
    const kept = this.#kept.get(namespace)
    if (kept === undefined || !shared) return kept?.types
    const age = clock.now() - kept.at
    if (age >= OLDEST_MS) return undefined
    // Should it fail, it is read again, and by then somebody waits for it.
    if (age >= RENEW_MS && !this.#reads.has(namespace)) this.read(namespace).catch(() => {})
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
    try {
      return await declaring
    } finally {
      others.delete(declaring)
      if (others.size === 0) this.#declarations.delete(namespace)
      this.#forget(namespace)
    }
  }

  /** @param isCurrent whether nothing was declared since it began */
  async #readNow(namespace: string, isCurrent: () => boolean): Promise<KnownTypes> {
    try {
      await Promise.allSettled(this.#declarations.get(namespace) ?? [])
      const at = this.#params.clock.now()
      const types = wholeTypes(await this.#params.taskTypes.listTypes({ namespace }))
      if (isCurrent()) this.#keep(namespace, { types, at })
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
