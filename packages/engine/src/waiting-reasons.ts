import { DEFAULTS, formatRfc3339, spokenDuration, type Task, type WaitingReason } from '@taskyard/core'
import type { Taking } from './taking.ts'

// Each reason with its words. They are for people wherever they read them, so they name commands and not routes.

/** Names that a message or a fact tells of many. */
const MOST_NAMES = 10

type ReasonOf<Code extends WaitingReason['code']> = Extract<WaitingReason, { code: Code }>

/** Nothing of the queue is given out until somebody resumes it. */
export function queuePaused(queue: string, namespace: string): ReasonOf<'queue_paused'> {
  const whose = namespace === DEFAULTS.namespace ? '' : ` --namespace ${namespace}`
  const message = `queue ${queue} is paused; resume it: taskyard queues resume ${queue}${whose}`
  return { code: 'queue_paused', message, queue }
}

/** @param taking what known workers take, from whatever queue */
export function noWorker(type: string, taking: Taking, namespace: string): ReasonOf<'no_worker'> {
  const { types: knownTypes } = taking
  const told = { code: 'no_worker', type, knownTypes: someOf(knownTypes) } as const
  if (knownTypes.length === 0) {
    return { ...told, message: `no worker is known in namespace ${namespace}; start one that handles ${type}` }
  }
  const meant = taking.meantBy(type)
  if (meant !== null) return { ...told, message: `no known worker takes type ${type}; did you mean ${meant}?` }
  const message = `no known worker takes type ${type}, they take ${spoken(knownTypes)}; start one that handles it`
  return { ...told, message }
}

/** @param takenFrom the queues from which known workers take the type */
export function otherQueues(queue: string, type: string, takenFrom: readonly string[]): ReasonOf<'other_queues'> {
  const from = `from ${takenFrom.length === 1 ? 'queue' : 'queues'} ${spoken(takenFrom)}`
  const message = `workers take type ${type} ${from}, none from queue ${queue}; start one that does: taskyard work FILE --queues ${queue}`
  return { code: 'other_queues', message, queue, type, takenFrom: someOf(takenFrom) }
}

/** Its worker was asked to stop, and has neither obeyed nor run out of time. */
export function cancelRequested({ workerId }: Task, requestedAt: number, now: number): ReasonOf<'cancel_requested'> {
  const message = `it was asked to stop ${ago(now - requestedAt)}; ${by(workerId)} has yet to say that it has`
  return { code: 'cancel_requested', message, workerId, requestedAt: formatRfc3339(requestedAt) }
}

/** It does run. */
export function running({ workerId, attempt, startedAt }: Task, now: number): ReasonOf<'running'> {
  const since = startedAt ?? now
  const message = `${by(workerId)} has been running it for ${spokenDuration(now - since)}, attempt ${attempt}`
  return { code: 'running', message, workerId, attempt, startedAt: formatRfc3339(since) }
}

/** An attempt has failed, and there is a pause before the next. */
export function backingOff({ attempt, maxAttempts, error, runAt }: Task, now: number): ReasonOf<'backing_off'> {
  const failed = `attempt ${attempt} of ${maxAttempts} failed${error === null ? '' : ` (${error.code}: ${error.message})`}`
  const message = `${failed}; the next is due ${due(runAt, now)}`
  const told = error === null ? null : { code: error.code, message: error.message }
  return { code: 'backing_off', message, attempt, maxAttempts, error: told, dueAt: formatRfc3339(runAt) }
}

/** Its submission said so. */
export function dueLater({ runAt }: Task, now: number): ReasonOf<'due_later'> {
  return { code: 'due_later', message: `it is due ${due(runAt, now)}`, dueAt: formatRfc3339(runAt) }
}

/** Its submission said that it waits for other tasks. */
export function blocked(): ReasonOf<'blocked'> {
  return { code: 'blocked', message: 'it waits for other tasks' }
}

/** @param leases what these workers run */
export function workersBusy(workers: number, leases: number): ReasonOf<'workers_busy'> {
  const all = workers === 1 ? 'the only worker that takes it is' : `all ${counted(workers)} workers that take it are`
  const message = `${all} busy with ${plural(leases, 'task')}; run more, or let them run more at a time`
  return { code: 'workers_busy', message, workers, leases }
}

/** @param atMost up to how many were counted */
export function behindOthers(before: number, atMost: number): ReasonOf<'behind_others'> {
  const isAtLeast = before >= atMost
  const number = isAtLeast ? `more than ${counted(atMost)} tasks` : plural(before, 'task')
  const message = `${number} of its queue and type ${before === 1 ? 'comes' : 'come'} before it; more workers get there sooner`
  return { code: 'behind_others', message, before, isAtLeast }
}

/** @param seenAgoMs how long ago a worker that takes it was seen */
export function aboutToStart(workers: number, seenAgoMs: number): ReasonOf<'about_to_start'> {
  const message = `nothing is in its way: it starts when a worker that takes it asks; the last did ${ago(seenAgoMs)}`
  return { code: 'about_to_start', message, workers, seenAgoSeconds: Math.round(seenAgoMs / 1000) }
}

function someOf(names: readonly string[]): readonly string[] {
  return names.slice(0, MOST_NAMES)
}

function spoken(names: readonly string[]): string {
  const more = names.length - MOST_NAMES
  return more > 0 ? `${someOf(names).join(', ')} and ${counted(more)} more` : names.join(', ')
}

function counted(number: number): string {
  return number.toLocaleString('en')
}

function plural(number: number, noun: string): string {
  return `${counted(number)} ${noun}${number === 1 ? '' : 's'}`
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
