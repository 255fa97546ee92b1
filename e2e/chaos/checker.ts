import { acceptedNotKept, acceptedTwice, restartedAfterEnd, staleAccepted } from './checks/acceptance.ts'
import {
  crashes,
  duplicateKeys,
  handedOutTwice,
  innocentsPoisoned,
  lost,
  tornBatches,
  unexpected,
  wrongEnds,
} from './checks/accounting.ts'
import { type Recoveries, recoveries } from './checks/recovery.ts'
import { overlapping, type Restarts, startedMoreThanOnce } from './checks/starts.ts'
import type { HistoryEvent } from './history.ts'
import { type RunRecord, toRunRecord } from './run-record.ts'
import { roleOf } from './target.ts'
import type { Violation } from './violation.ts'

export const VIOLATION_KINDS = {
  lost: 'acknowledged, but absent or never at an end',
  unexpected: 'present or run, but never submitted',
  duplicateKeys: 'one idempotency key, two tasks',
  tornBatches: 'a batch of which only a part exists',
  acceptedTwice: 'success accepted under two different tokens',
  staleAccepted: 'a write accepted under a token older than one already given out',
  restartedAfterEnd: 'given out again after its success was accepted',
  acceptedNotKept: 'a success that was accepted, but is not what the task ended with',
  handedOutTwice: 'a token given out twice, or not rising',
  overlapping: 'given out again while the first lease was alive and its worker well',
  wrongEnds: 'ended otherwise than its handler said',
  innocentsPoisoned: 'quarantined, though it brings no worker down',
  crashes: 'a server or a worker that ended although nobody killed it',
  lateRecoveries: 'started again too late, or never, after its worker died or hung',
} as const

export type ViolationKind = keyof typeof VIOLATION_KINDS

export interface Verdict {
  readonly passed: boolean
  /** False: the run was broken off before the read-back, and nothing can be said. */
  readonly complete: boolean
  readonly acknowledged: number
  readonly tasks: number
  readonly violations: Readonly<Record<ViolationKind, readonly Violation[]>>
  readonly startedMoreThanOnce: Restarts
  readonly recovery: Recoveries
  readonly faults: Readonly<Record<string, number>>
  readonly points: Readonly<Record<string, number>>
}

/** Judges a whole history. Pure: the same history always gets the same verdict. */
export function check(history: readonly HistoryEvent[]): Verdict {
  const record = toRunRecord(history)
  const recovery = recoveries(record)
  const violations: Record<ViolationKind, readonly Violation[]> = {
    lost: lost(record),
    unexpected: unexpected(record),
    duplicateKeys: duplicateKeys(record),
    tornBatches: tornBatches(record),
    acceptedTwice: acceptedTwice(record),
    staleAccepted: staleAccepted(record),
    restartedAfterEnd: restartedAfterEnd(record),
    acceptedNotKept: acceptedNotKept(record),
    handedOutTwice: handedOutTwice(record),
    overlapping: overlapping(record),
    wrongEnds: wrongEnds(record),
    innocentsPoisoned: innocentsPoisoned(record),
    crashes: crashes(record),
    lateRecoveries: recovery.late,
  }
  return {
    passed: record.complete && Object.values(violations).every((found) => found.length === 0),
    complete: record.complete,
    acknowledged: record.acknowledged.size,
    tasks: [...record.tasks.values()].filter(({ final }) => final !== null).length,
    violations,
    startedMoreThanOnce: startedMoreThanOnce(record),
    recovery,
    ...faultCounts(record),
  }
}

function faultCounts({ faults }: RunRecord): Pick<Verdict, 'faults' | 'points'> {
  const points: Record<string, number> = {}
  const kinds: Record<string, number> = {}
  for (const { kind, target, point } of faults) {
    const who = roleOf(target)
    kinds[`${kind} ${who}`] = (kinds[`${kind} ${who}`] ?? 0) + 1
    if (kind === 'kill') points[`${who} ${point}`] = (points[`${who} ${point}`] ?? 0) + 1
  }
  return { faults: kinds, points }
}
