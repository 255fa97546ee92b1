/** So much of what one claim asks for is kept, counted in characters of names. */
const MOST_LENGTH = 8192

/** Which tasks are asked for. */
export interface Scope {
  /** `null`: every queue. */
  readonly queues: readonly string[] | null
  /** `null`: every type. */
  readonly types: readonly string[] | null
  /** More is asked for than is kept. */
  readonly isPart: boolean
}

/** One and the same for all who ask for the same. */
export interface KeptScope extends Scope {
  readonly number: number
  /** Characters of its names, about. */
  readonly length: number
}

/** Each scope once, as long as somebody uses it. */
export interface ScopePool {
  /** Must be released as often as it was asked for. */
  keep(queues: readonly string[] | null, types: readonly string[] | null): KeptScope
  release(scope: KeptScope): void
  /** Characters of the names of all. */
  length(): number
}

/** Nothing is kept yet. */
export function createScopePool(): ScopePool {
  const byKey = new Map<string, KeptScope>()
  const users = new Map<KeptScope, number>()
  let lastNumber = 0
  let length = 0

  function add(key: string, scope: Scope): KeptScope {
    const kept = { ...scope, number: ++lastNumber, length: key.length }
    byKey.set(key, kept)
    length += key.length
    return kept
  }

  return {
    keep(queues, types) {
      const scope = bounded(queues, types)
      const key = keyOf(scope)
      const kept = byKey.get(key) ?? add(key, scope)
      users.set(kept, (users.get(kept) ?? 0) + 1)
      return kept
    },
    release(scope) {
      const left = (users.get(scope) ?? 0) - 1
      if (left > 0) users.set(scope, left)
      else if (users.delete(scope) && byKey.delete(keyOf(scope))) length -= scope.length
    },
    length: () => length,
  }
}

/** Whether tasks of a lane are asked for; those that are not kept may be. */
export function isInScope({ queues, types, isPart }: Scope, lane: { readonly queue: string; readonly type: string }) {
  return isPart || ((queues?.includes(lane.queue) ?? true) && (types?.includes(lane.type) ?? true))
}

function keyOf({ queues, types, isPart }: Scope): string {
  return JSON.stringify(isPart ? [queues, types, 1] : [queues, types])
}

function bounded(queues: readonly string[] | null, types: readonly string[] | null): Scope {
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
