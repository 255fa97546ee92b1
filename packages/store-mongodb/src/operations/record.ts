import {
  type HistoryRecord,
  type JsonText,
  type LeaseRef,
  type LeaseStatus,
  LIMITS,
  type RecordParams,
  TaskyardError,
  toJsonText,
  withinBytes,
} from '@taskyard/core'
import type { Database } from '../database.ts'
import type { LightTask } from '../documents.ts'
import { moveGrownTails } from '../move-tails.ts'
import { type Transition, withRecords } from '../transitions.ts'
import { apply, MOST_ROUNDS, readLight } from '../write-transitions.ts'

type Entry = RecordParams['entries'][number]

/** Lines of one task that go into one update: bounds what its document grows by. Bytes. */
const BYTES_PER_UPDATE = 256 * 1024
/** The most updates that the lines of one call need: those of one task at their greatest. */
const MOST_UPDATES = 200

/** Appends lines to tasks, each task's with updates conditional on its token. */
export async function record(
  database: Database,
  { namespace, entries }: RecordParams,
  now: number,
): Promise<LeaseStatus[]> {
  const held = new Set<string>()
  let open = [...Map.groupBy(entries, leaseKey).values()].map(openLease)
  for (let round = 0; open.length > 0; round++) {
    if (round === MOST_ROUNDS + MOST_UPDATES) {
      throw new TaskyardError('store_unavailable', { reason: 'others keep changing the tasks' })
    }
    open = await recordRound(database, namespace, open, { held, now })
  }
  return entries.map((entry) => (held.has(leaseKey(entry)) ? 'ok' : 'lost'))
}

interface Line {
  readonly kind: 'progress' | 'log'
  readonly data: JsonText
}

/** A lease with the lines still to be written under it. */
interface OpenLease extends LeaseRef {
  readonly lines: readonly Line[]
}

function openLease(entries: readonly Entry[]): OpenLease {
  const { taskId, token } = entries[0] as Entry
  return { taskId, token, lines: entries.flatMap(linesOf) }
}

function linesOf({ progress, log }: Entry): Line[] {
  const lines: Line[] = []
  if (progress !== null) lines.push({ kind: 'progress', data: progress })
  if (log !== null) lines.push({ kind: 'log', data: toJsonText({ line: log }) })
  return lines
}

/** @returns what is still to be written: more than fits into one update, or met by another change */
async function recordRound(
  database: Database,
  namespace: string,
  open: readonly OpenLease[],
  { held, now }: { held: Set<string>; now: number },
): Promise<OpenLease[]> {
  const ids = open.map(({ taskId }) => taskId)
  const tasks = await readLight(database, namespace, ids)
  await moveGrownTails(database, [...tasks.values()])
  const transitions = new Map<Transition, { lease: OpenLease; count: number }>()
  for (const lease of open) {
    const task = tasks.get(lease.taskId)
    if (task?.state !== 'running' || task.token !== lease.token) continue
    const { kept, progress, count } = nextUpdate(task, lease.lines)
    if (kept.length === 0 && progress === null) held.add(leaseKey(lease))
    else transitions.set(appending(task, kept, progress, now), { lease, count })
  }
  const applied = await apply(database, [...transitions.keys()], now)
  const rest: OpenLease[] = []
  for (const [transition, { lease, count }] of transitions) {
    const lines = applied.has(transition) ? lease.lines.slice(count) : lease.lines
    if (lines.length > 0) rest.push({ ...lease, lines })
    else held.add(leaseKey(lease))
  }
  return rest
}

interface NextUpdate {
  /** What the history takes. */
  readonly kept: readonly Line[]
  /** The newest of the lines that this update is for; `null`: there is none. */
  readonly progress: JsonText | null
  /** Lines that are done with, from the first. */
  readonly count: number
}

/** What is over the bounds of the attempt or of the task is not in the history; the newest progress is the task's all the same. */
function nextUpdate(task: LightTask, lines: readonly Line[]): NextUpdate {
  const room = roomFor(task)
  const kept = withinBytes(lines.slice(0, room), BYTES_PER_UPDATE, ({ data }) => Buffer.byteLength(data))
  const count = kept.length === room ? lines.length : kept.length
  const progress = lines.slice(0, count).findLast(({ kind }) => kind === 'progress')
  return { kept, progress: progress?.data ?? null, count }
}

function roomFor({ attemptLines = 0, lines = 0 }: LightTask): number {
  return Math.max(0, Math.min(LIMITS.recordsPerAttempt - attemptLines, LIMITS.recordsPerTask - lines))
}

function appending(task: LightTask, lines: readonly Line[], progress: JsonText | null, now: number): Transition {
  const { attempt, token, attemptLines = 0 } = task
  const records = lines.map(
    ({ kind, data }): HistoryRecord => ({ at: now, kind, attempt, token, startedAt: null, workerId: null, data }),
  )
  const update = withRecords(progress === null ? {} : { $set: { progress } }, task, records)
  const $inc = { ...update.$inc, attemptLines: lines.length, lines: lines.length }
  return {
    task,
    guard: { state: 'running', token, attemptLines },
    update: lines.length === 0 ? update : { ...update, $inc },
    to: 'running',
    runAt: null,
    counted: {},
  }
}

function leaseKey({ taskId, token }: { taskId: string; token: number }): string {
  return `${taskId}/${token}`
}
