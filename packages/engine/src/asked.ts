/** So much of what one claim asks for is kept, counted in characters of names. */
const MOST_LENGTH = 8192

/** Tasks that are asked for. */
export interface Asked {
  /** `null`: every queue. */
  readonly queues: readonly string[] | null
  /** `null`: every type. */
  readonly types: readonly string[] | null
  /** More is asked for than is kept. */
  readonly isPart: boolean
}

/** What is kept, once, for all who ask for the same. */
export interface Kept extends Asked {
  readonly number: number
  /** Characters of its names, about. */
  readonly length: number
}

export interface KeptAsked {
  /** Must be released as often as it was asked for. */
  keep(queues: readonly string[] | null, types: readonly string[] | null): Kept
  release(kept: Kept): void
}

/** Nothing is kept yet. */
export function createKeptAsked(): KeptAsked {
  const byKey = new Map<string, Kept>()
  const users = new Map<Kept, number>()
  let lastNumber = 0

  return {
    keep(queues, types) {
      const asked = bounded(queues, types)
      const key = keyOf(asked)
      const kept = byKey.get(key) ?? { ...asked, number: ++lastNumber, length: key.length }
      byKey.set(key, kept)
      users.set(kept, (users.get(kept) ?? 0) + 1)
      return kept
    },
    release(kept) {
      const left = (users.get(kept) ?? 0) - 1
      if (left > 0) users.set(kept, left)
      else if (users.delete(kept)) byKey.delete(keyOf(kept))
    },
  }
}

/** Whether tasks of a lane are asked for; those that are not kept may be. */
export function isAsked({ queues, types, isPart }: Asked, lane: { readonly queue: string; readonly type: string }) {
  return isPart || ((queues?.includes(lane.queue) ?? true) && (types?.includes(lane.type) ?? true))
}

function keyOf({ queues, types }: Asked): string {
  return JSON.stringify([queues, types])
}

function bounded(queues: readonly string[] | null, types: readonly string[] | null): Asked {
  const [keptQueues, keptTypes] = [queues && firstNames(queues), types && firstNames(types)]
  const isPart = keptQueues?.length !== queues?.length || keptTypes?.length !== types?.length
  return { queues: keptQueues, types: keptTypes, isPart }
}

function firstNames(names: readonly string[]): readonly string[] {
  let length = 0
  const past = names.findIndex((name) => {
    length += name.length
    return length > MOST_LENGTH / 2
  })
  return past === -1 ? names : names.slice(0, past)
}
