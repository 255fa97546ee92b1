import type { Backoff } from '@taskyard/core'
import type { Text } from '../driver.ts'
import { backoffFromText, numberOrNull } from './column-text.ts'

/** A lease with what decides where its task goes next. */
export interface Lease {
  readonly id: string
  readonly lane: number
  readonly token: number
  readonly attempt: number
  readonly crashes: number
  readonly loneCrashes: number
  readonly seq: number
  readonly priority: number
  readonly workerId: string
  /** Somebody would notice if its worker died. */
  readonly isWatched: boolean
  readonly readyAt: number
  readonly startedAt: number
  readonly expiresAt: number
  readonly cancelRequestedAt: number | null
  readonly deadlineAt: number | null
  readonly progress: string | null
  readonly bytes: number
  readonly timeoutMs: number | null
  readonly maxAttempts: number
  readonly backoff: Backoff
}

export const LEASE_COLUMNS = `l.id, l.lane, l.token, l.attempt, l.crashes, l.priority, l.worker_id, l.ready_at, l.started_at,
  l.cancel_requested_at, l.deadline_at, l.progress, l.bytes, l.seq, t.max_attempts, t.backoff,
  round(t.timeout_seconds * 1000)::bigint, l.lone_crashes, l.session OR l.node_id IS NOT NULL, l.expires_at`

/** A row of `LEASE_COLUMNS`. */
export function leaseFromRow(row: readonly Text[]): Lease {
  return {
    id: row[0] as string,
    lane: Number(row[1]),
    token: Number(row[2]),
    attempt: Number(row[3]),
    crashes: Number(row[4]),
    priority: Number(row[5]),
    workerId: row[6] as string,
    readyAt: Number(row[7]),
    startedAt: Number(row[8]),
    cancelRequestedAt: numberOrNull(row[9]),
    deadlineAt: numberOrNull(row[10]),
    progress: row[11] ?? null,
    bytes: Number(row[12]),
    seq: Number(row[13]),
    maxAttempts: Number(row[14]),
    backoff: backoffFromText(row[15]),
    timeoutMs: numberOrNull(row[16]),
    loneCrashes: Number(row[17]),
    isWatched: row[18] === 't',
    expiresAt: Number(row[19]),
  }
}
