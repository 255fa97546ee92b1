import { type Held, heldIn, NOTHING } from './held-leases.ts'
import type { HoldersAnswer } from './lease-holders.ts'

/**
 * Workers whose session is broken may live all the same, and reach another server: then what they hold has changed since the
 * look before, and not only because leases ended.
 */
export interface SignsOfLife {
  /** Looks out for signs of this worker: the first look that is asked at this time or later (ms) is what the next ones are compared with. */
  expect(workerId: string, from: number): void
  forget(workerId: string): void
  /** An answer to a question older than that of the last one says nothing. */
  heed(answer: HoldersAnswer): Heeded
  /** Somebody has not been looked at yet. */
  areUnseen(): boolean
}

export interface Heeded {
  /** A sign of these has come since the look before. */
  readonly heardOf: readonly string[]
  /** Looked at for the first time: whether they live, the next look can tell. */
  readonly firstSeen: readonly string[]
}

interface Expected {
  readonly from: number
  /** At the look before; `null`: not looked at yet. */
  readonly held: Held | null
}

const NOBODY: Heeded = { heardOf: [], firstSeen: [] }

export function createSignsOfLife(): SignsOfLife {
  const expected = new Map<string, Expected>()
  let lastQuestion = 0

  return {
    expect(workerId, from) {
      if (!expected.has(workerId)) expected.set(workerId, { from, held: null })
    },
    forget: (workerId) => void expected.delete(workerId),
    heed({ holders, askedAt, question }) {
      if (question <= lastQuestion) return NOBODY
      lastQuestion = question
      if (expected.size === 0) return NOBODY
      const all = heldIn(holders)
      const heardOf: string[] = []
      const firstSeen: string[] = []
      for (const [workerId, { from, held: before }] of expected) {
        if (from > askedAt) continue
        const held = all.get(workerId) ?? NOTHING
        expected.set(workerId, { from, held })
        if (before === null) firstSeen.push(workerId)
        else if (showsLife(before, held)) heardOf.push(workerId)
      }
      return { heardOf, firstSeen }
    },
    areUnseen: () => expected.values().some(({ held }) => held === null),
  }
}

/** Leases that end by themselves are fewer then, and the others end when they did. */
function showsLife(before: Held, { leases, firstEnd, lastEnd }: Held): boolean {
  if (leases > before.leases || firstEnd < before.firstEnd || lastEnd > before.lastEnd) return true
  return leases === before.leases && (firstEnd > before.firstEnd || lastEnd < before.lastEnd)
}
