import {
  counted,
  DEFAULTS,
  formatRfc3339,
  grouped,
  spokenDuration,
  spokenError,
  type Task,
  type WaitingReasonOf,
} from '@taskyard/core'
import { type HeldWorker, isSuspect } from './held-workers.ts'
import type { Taking } from './taking.ts'

// Each reason with its words. They are for people wherever they read them, so they name commands and not routes.

/** Names that a message or a fact tells of many. */
const MOST_NAMES = 10

/** Nothing of the queue is given out until somebody resumes it. */
export function queuePaused(queue: string, namespace: string): WaitingReasonOf<'queue_paused'> {
  const whose = namespace === DEFAULTS.namespace ? '' : ` --namespace ${namespace}`
  const message = `queue ${queue} is paused; resume it: taskyard queues resume ${queue}${whose}`
  return { code: 'queue_paused', message, queue }
}

/** @param taking what known workers take, from whatever queue */
export function noWorker(type: string, taking: Taking, namespace: string): WaitingReasonOf<'no_worker'> {
  const { types: knownTypes } = taking
  const meantType = taking.meantBy(type)
  const [some, total] = [someOf(knownTypes), knownTypes.length]
  const told = { code: 'no_worker', type, knownTypes: some, knownTypesTotal: total, meantType } as const
  if (knownTypes.length === 0) {
    return { ...told, message: `no worker is known in namespace ${namespace}; start one that handles ${type}` }
  }
  if (meantType !== null) return { ...told, message: `no known worker takes type ${type}; did you mean ${meantType}?` }
  const message = `no known worker takes type ${type}, they take ${spoken(knownTypes)}; start one that handles it`
  return { ...told, message }
}

/** Whether one takes it is not known. */
export function workersUnknown(type: string): WaitingReasonOf<'workers_unknown'> {
  const message = `no known worker takes type ${type}, but more ask for tasks than could be told of: one of them may`
  return { code: 'workers_unknown', message, type }
}

/** @param takenFrom the queues from which known workers take the type */
export function otherQueues(
  queue: string,
  type: string,
  takenFrom: readonly string[],
): WaitingReasonOf<'other_queues'> {
  const from = `from ${takenFrom.length === 1 ? 'queue' : 'queues'} ${spoken(takenFrom)}`
  const message = `workers take type ${type} ${from}, none from queue ${queue}; start one that does: taskyard work FILE --queues ${queue}`
  return { code: 'other_queues', message, queue, type, takenFrom: someOf(takenFrom), takenFromTotal: takenFrom.length }
}

/** Its worker was asked to stop, and has neither obeyed nor run out of time. */
export function cancelRequested(
  { workerId }: Task,
  requestedAt: number,
  now: number,
): WaitingReasonOf<'cancel_requested'> {
  const message = `it was asked to stop ${ago(now - requestedAt)}; ${by(workerId)} has yet to say that it has`
  return { code: 'cancel_requested', message, workerId, requestedAt: formatRfc3339(requestedAt) }
}

/** It does run, or its worker has it, and lets what else it runs end before. */
export function running(task: Task, now: number): WaitingReasonOf<'running'> {
  const { workerId, attempt, startedAt } = task
  const since = startedAt ?? now
  const running = `${by(workerId)} has been running it for ${spokenDuration(now - since)}, attempt ${attempt}`
  const message = isSuspect(task)
    ? `${running}; ${died(task)} so it may wait there, for up to 10 s, for others to end`
    : running
  return { code: 'running', message, workerId, attempt, startedAt: formatRfc3339(since) }
}

/** An attempt has failed, and there is a pause before the next. */
export function backingOff({ attempt, maxAttempts, error, runAt }: Task, now: number): WaitingReasonOf<'backing_off'> {
  const failed = `attempt ${attempt} of ${maxAttempts} failed${error === null ? '' : ` (${spokenError(error)})`}`
  const message = `${failed}; the next is due ${due(runAt, now)}`
  const told = error === null ? null : { code: error.code, message: error.message }
  return { code: 'backing_off', message, attempt, maxAttempts, error: told, dueAt: formatRfc3339(runAt) }
}

/** Its submission said so. */
export function dueLater({ runAt }: Task, now: number): WaitingReasonOf<'due_later'> {
  return { code: 'due_later', message: `it is due ${due(runAt, now)}`, dueAt: formatRfc3339(runAt) }
}

/** Its submission said that it waits for other tasks. */
export function blocked(): WaitingReasonOf<'blocked'> {
  return { code: 'blocked', message: 'it waits for other tasks' }
}

/** Workers died during it. */
export function runsAlone(task: Task): WaitingReasonOf<'runs_alone'> {
  const message = `${died(task)} so it is given out alone, to a worker that has no other such task, and starts there when nothing runs beside it, or after 10 s`
  return { code: 'runs_alone', message, crashes: task.crashes }
}

/**
 * @param leases what these workers run
 * @param held one of them that keeps itself free of others for a suspect
 */
export function workersBusy(
  workers: number,
  leases: number,
  held: HeldWorker | undefined,
): WaitingReasonOf<'workers_busy'> {
  const all = workers === 1 ? 'the only worker that takes it is' : `all ${grouped(workers)} workers that take it are`
  const more = held === undefined ? 'run more, or let them run more at a time' : `${holding(held)}; run more workers`
  const message = `${all} busy with ${counted(leases, 'task')}; ${more}`
  return { code: 'workers_busy', message, workers, leases, suspectId: held?.suspect.id ?? null }
}

function holding({ suspect, workerId, forMs }: HeldWorker): string {
  const { id, type, crashes } = suspect
  const why = `during which ${counted(crashes, 'worker')} died`
  return `${by(workerId)} runs nothing beside task ${id} of type ${type}, ${why}, for ${spokenDuration(forMs)} more at most`
}

/** @param atMost up to how many were counted */
export function behindOthers(before: number, atMost: number): WaitingReasonOf<'behind_others'> {
  const atLeast = before >= atMost
  const number = atLeast ? `more than ${grouped(atMost)} tasks` : counted(before, 'task')
  const message = `${number} of its queue and type ${before === 1 ? 'comes' : 'come'} before it; more workers get there sooner`
  return { code: 'behind_others', message, before, atLeast }
}

/** @param seenAgoMs how long ago a worker that takes it was seen */
export function aboutToStart(workers: number, seenAgoMs: number): WaitingReasonOf<'about_to_start'> {
  const message = `nothing is in its way: it starts when a worker that takes it asks; the last did ${ago(seenAgoMs)}`
  return { code: 'about_to_start', message, workers, seenAgoSeconds: Math.round(seenAgoMs / 1000) }
}

function died({ crashes }: Task): string {
  return `workers died during ${crashes} of its attempts,`
}

function someOf(names: readonly string[]): readonly string[] {
  return names.slice(0, MOST_NAMES)
}

function spoken(names: readonly string[]): string {
  const more = names.length - MOST_NAMES
  return more > 0 ? `${someOf(names).join(', ')} and ${grouped(more)} more` : names.join(', ')
}

function by(workerId: string | null): string {
  return workerId === null ? 'its worker' : `worker ${workerId}`
}

function ago(milliseconds: number): string {
  return milliseconds < 1000 ? 'just now' : `${spokenDuration(milliseconds)} ago`
}

function due(time: number, now: number): string {
  const inMs = time - now
  return inMs <= 0 ? 'now' : `in ${spokenDuration(inMs)}, at ${formatRfc3339(time)}`
}
