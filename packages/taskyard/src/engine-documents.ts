import type { TaskEventDocument, WorkerDocument } from '@taskyard/client'
import type { CheckedSubmission } from '@taskyard/client/shared'
import { formatRfc3339, fromJsonText, type TaskEvent } from '@taskyard/core'
import type { Submission, WorkerView } from '@taskyard/engine'

// What the library's callers say and see, in the engine's terms and back.

/** As the engine takes it. */
export function toSubmission({ type, payload, options, runAt }: CheckedSubmission): Submission {
  return runAt === undefined ? { ...options, type, payload } : { ...options, type, payload, runAt }
}

/** As over HTTP: times in RFC 3339, `data` as a value. */
export function toEventDocument({ at, data, ...event }: TaskEvent): TaskEventDocument {
  return { ...event, at: new Date(at).toISOString(), data: data === null ? null : fromJsonText(data) }
}

/** As over HTTP: times in RFC 3339. */
export function toWorkerDocument({ connectedAt, seenAt, ...worker }: WorkerView): WorkerDocument {
  return { ...worker, connectedAt: timeOrNull(connectedAt), seenAt: timeOrNull(seenAt) }
}

function timeOrNull(milliseconds: number | null): string | null {
  return milliseconds === null ? null : formatRfc3339(milliseconds)
}
