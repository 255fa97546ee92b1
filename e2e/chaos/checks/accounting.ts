import type { Lease, RunRecord, TaskRecord } from '../run-record.ts'
import type { Violation } from '../violation.ts'

const terminal = new Set(['succeeded', 'failed', 'cancelled'])

/** Servers and workers that ended by themselves. */
export function crashes({ crashes }: RunRecord): readonly Violation[] {
  return crashes.map(({ target, how }) => ({ subject: target, what: `ended by itself: ${how}` }))
}

/** Acknowledged tasks that are not there, or not at an end. */
export function lost({ acknowledged, tasks }: RunRecord): readonly Violation[] {
  return [...acknowledged].flatMap(([key, ids]) =>
    [...ids].flatMap((id) => {
      const final = tasks.get(id)?.final ?? null
      if (final === null) return [{ subject: id, what: `acknowledged for ${key}, absent at the end` }]
      return terminal.has(final.status) ? [] : [{ subject: id, what: `still ${final.status} at the end` }]
    }),
  )
}

/** Tasks that exist or ran and carry no key that was ever submitted. */
export function unexpected({ tasks, submitted }: RunRecord): readonly Violation[] {
  return [...tasks.values()]
    .filter(({ keys }) => [...keys].some((key) => !submitted.has(key)))
    .map(({ id, starts, keys }) => ({
      subject: id,
      what: `${starts.length > 0 ? 'ran' : 'exists'} as ${[...keys].join(', ')}, which nobody submitted`,
    }))
}

/** Keys that stand for more than one task, in the answers or in the store. */
export function duplicateKeys({ tasks, acknowledged }: RunRecord): readonly Violation[] {
  const idsOf = new Map<string, Set<string>>()
  for (const [key, ids] of acknowledged) idsOf.set(key, new Set(ids))
  for (const { id, keys } of tasks.values()) {
    for (const key of keys) idsOf.set(key, (idsOf.get(key) ?? new Set()).add(id))
  }
  return [...idsOf]
    .filter(([, ids]) => ids.size > 1)
    .map(([key, ids]) => ({ subject: key, what: `stands for ${ids.size} tasks: ${[...ids].join(', ')}` }))
}

/** Batches are all or nothing, whether they were acknowledged or not. */
export function tornBatches({ tasks, batches }: RunRecord): readonly Violation[] {
  const present = new Set<string>()
  for (const { keys, final } of tasks.values()) if (final !== null) for (const key of keys) present.add(key)
  return batches.flatMap((keys) => {
    const found = keys.filter((key) => present.has(key)).length
    if (found === 0 || found === keys.length) return []
    return [{ subject: keys[0] as string, what: `${found} of the ${keys.length} tasks of its batch exist` }]
  })
}

/**
 * Tokens rise from one lease of a task to the next; none is given out twice. A claim that its worker repeats gets the same
 * leases again: then the worker starts each once.
 */
export function handedOutTwice({ tasks }: RunRecord): readonly Violation[] {
  return [...tasks.values()].flatMap(({ id, leases, starts }) => {
    const found: Violation[] = []
    const isRepeated = (one: Lease, other: Lease) =>
      one.worker === other.worker && starts.filter(({ token }) => token === one.token).length <= 1
    for (const [index, lease] of leases.entries()) {
      const earlier = leases
        .slice(0, index)
        .find((other) =>
          other.token === lease.token
            ? !isRepeated(other, lease)
            : other.at < lease.sentAt && other.token > lease.token,
        )
      if (earlier === undefined) continue
      const what = `token ${lease.token} for ${lease.worker} after token ${earlier.token} for ${earlier.worker}`
      found.push({ subject: id, what })
    }
    return found
  })
}

/** Tasks that reached an end, but not the one their handler gives them. */
export function wrongEnds({ tasks }: RunRecord): readonly Violation[] {
  return [...tasks.values()].filter(endedWrong).map(({ id, final }) => ({
    subject: id,
    what: `${final?.status} (${final?.code ?? 'no code'}), wanted ${final?.wanted}`,
  }))
}

function endedWrong({ final }: TaskRecord): boolean {
  if (final === null || !terminal.has(final.status) || final.code === 'poisoned') return false
  return final.status !== final.wanted
}

/** Tasks that were given up for killing their workers. None of them does: all are innocent. */
export function innocentsPoisoned({ tasks }: RunRecord): readonly Violation[] {
  return [...tasks.values()]
    .filter(({ final }) => final?.code === 'poisoned')
    .map(({ id, final }) => ({ subject: id, what: `quarantined after ${final?.crashes} crashes` }))
}
