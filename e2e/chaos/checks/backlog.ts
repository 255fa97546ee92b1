import type { RunRecord } from '../run-record.ts'

/** Longer than this a task waits only when the workers do not keep up. */
const LONG_MS = 1000
const AROUND_MS = 1000

/** Whether tasks that were given out for the first time at about this moment had waited long, too. */
export function wasBehind({ firstLeases }: RunRecord, at: number): boolean {
  const waits = firstLeases.filter((lease) => Math.abs(lease.at - at) < AROUND_MS).map(({ waitMs }) => waitMs)
  waits.sort((a, b) => a - b)
  return (waits[waits.length >> 1] ?? 0) > LONG_MS
}
