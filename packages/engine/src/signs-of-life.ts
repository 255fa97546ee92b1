import type { WorkerKey } from '@taskyard/core'
import { type HeldLeases, heldLeasesByWorker, NO_LEASES } from './held-leases.ts'
import type { HoldersAnswer } from './lease-holders.ts'

/**
 * Workers whose session is broken may live all the same, and reach another server: then what they hold has changed since the
 * look before, and not only because leases ended.
 */
export interface SignsOfLife {
  /** Looks out for signs of this worker: the first look that is asked at this time or later (ms) is what the next ones are compared with. */
  expect(worker: WorkerKey, from: number): void
  forget(worker: WorkerKey): void
  /** An answer to a question older than that of the last one says nothing. */
  observe(answer: HoldersAnswer): Observation
  /** Somebody has not been looked at yet. */
  hasUnseen(): boolean
}

export interface Observation {
  /** A sign of these has come since the look before. */
  readonly heardOf: readonly WorkerKey[]
  /** Looked at for the first time: whether they live, the next look can tell. */
  readonly firstSeen: readonly WorkerKey[]
}

interface Expected {
  readonly from: number
  /** At the look before; `null`: not looked at yet. */
  readonly held: HeldLeases | null
}

const NOBODY: Observation = { heardOf: [], firstSeen: [] }

/** Nobody is expected yet. Answers may be handed in in any order. */
export function createSignsOfLife(): SignsOfLife {
  const expected = new Map<WorkerKey, Expected>()
  let lastQuestion = 0

  return {
    expect(worker, from) {
      if (!expected.has(worker)) expected.set(worker, { from, held: null })
    },
    forget: (worker) => void expected.delete(worker),
    observe({ holders, askedAt, question }) {
      if (question <= lastQuestion) return NOBODY
      lastQuestion = question
      if (expected.size === 0) return NOBODY
      const all = heldLeasesByWorker(holders)
      const heardOf: WorkerKey[] = []
      const firstSeen: WorkerKey[] = []
      for (const [worker, { from, held: before }] of expected) {
        if (from > askedAt) continue
        const held = all.get(worker) ?? NO_LEASES
        expected.set(worker, { from, held })
        if (before === null) firstSeen.push(worker)
        else if (showsLife(before, held)) heardOf.push(worker)
      }
      return { heardOf, firstSeen }
    },
    hasUnseen: () => expected.values().some(({ held }) => held === null),
  }
}

/** Leases that end by themselves are fewer then, and the others end when they did. */
function showsLife(before: HeldLeases, { leases, firstEnd, lastEnd }: HeldLeases): boolean {
  if (leases > before.leases || firstEnd < before.firstEnd || lastEnd > before.lastEnd) return true
  return leases === before.leases && (firstEnd > before.firstEnd || lastEnd < before.lastEnd)
}
