import {
  type ClaimParams,
  DEFAULTS,
  type ExtendStatus,
  fitsBytes,
  givenFirst,
  type JsonText,
  type LeasedTask,
  type LeaseRef,
  LIMITS,
  mendedText,
  type RecordParams,
  type Settlement,
  type SettleReport,
  type SettleResult,
  type TaskError,
  type WorkerRef,
} from '@taskyard/core'
import { assertName, assertNames, invalid, isIntegerIn, isNumberIn, toTaskId } from './check-submission.ts'
import type { ClaimCalls } from './claim-calls.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { Claim, Engine, Outcome, Recorded } from './engine.ts'
import type { GiveBack } from './give-back.ts'
import type { SettledOutcome } from './observer.ts'
import type { Parts } from './parts.ts'
import type { Sessions } from './sessions.ts'
import { assertBatch } from './submit.ts'

/** What a worker does: claim, heartbeat, settle, record. */
export function createLeasing(
  parts: Parts,
  dispatcher: Dispatcher,
  calls: ClaimCalls,
  giveBack: GiveBack,
  gaveTasks: Sessions['gaveTasks'],
): Pick<Engine, 'claim' | 'giveBack' | 'heartbeat' | 'settle' | 'record'> {
  const { store, observer, taskNews, random } = parts

  /** A worker that is heard of leases which are over is alive, whatever was thought of it when they ended. */
  function heard(
    operation: 'extend' | 'settle' | 'record',
    leases: readonly LeaseRef[],
    statuses: readonly ExtendStatus[],
  ): void {
    if (!statuses.includes('lost')) return
    const lost = leases.filter((_, i) => statuses[i] === 'lost')
    for (const _ of lost) observer.staleWriteRefused?.(operation)
    // What was asked for is done: it does not wait for this, nor fail because of it, which is only known a little worse without.
    parts.underWay.track(store.presence.takeBackCrashes({ leases: lost })).catch(() => {})
  }

  return {
    async claim(claim, waitSeconds = 0, signal) {
      const params = toClaimParams(claim)
      if (!isNumberIn(waitSeconds, 0, LIMITS.waitSeconds)) throw invalid('/waitSeconds', 'a number from 0 to 60')
      const tasks = await dispatcher.claim(params, waitSeconds * 1000, signal)
      if (tasks.length > 0) gave(params.worker, tasks)
      return tasks
    },
    giveBack,
    async heartbeat(leases, leaseSeconds = DEFAULTS.leaseSeconds) {
      assertBatch(leases.length)
      const named = leases.map(({ taskId, token }) => ({ taskId: toTaskId(taskId), token }))
      const statuses = await store.tasks.extend({ leases: named, leaseMs: leaseMs(leaseSeconds) })
      heard('extend', named, statuses)
      return statuses
    },
    async settle(outcomes, claim) {
      if (outcomes.length > 0 || claim === undefined) assertBatch(outcomes.length)
      const settlements = outcomes.map((outcome, i) => toSettlement(outcome, i, random()))
      const next = claim === undefined || parts.isStopping() ? null : toClaimParams(claim)
      const report =
        next === null
          ? store.tasks.settle({ settlements, claim: null })
          : parts.underWay.track(settleAndClaim(settlements, next))
      const { results, tasks } = await report
      for (let i = 0; i < results.length; i++) settled(settlements[i] as Settlement, results[i] as SettleResult)
      if (next !== null && tasks.length > 0) gave(next.worker, tasks)
      const statuses = results.map(({ status }) => status)
      heard('settle', settlements, statuses)
      return { results: statuses, tasks }
    },
    async record(entries) {
      assertBatch(entries.length)
      const kept = entries.map(toKept)
      const statuses = await store.tasks.record({ entries: kept })
      statuses.forEach((status, i) => {
        if (status === 'ok') taskNews.recorded((kept[i] as Kept).taskId)
      })
      heard('record', kept, statuses)
      return statuses
    },
  }

  function gave(worker: WorkerRef, tasks: readonly LeasedTask[]): void {
    gaveTasks(worker)
    taskNews.started(tasks)
  }

  function settleAndClaim(settlements: readonly Settlement[], claim: ClaimParams): Promise<SettleReport> {
    return calls.asNewest(claim, async (call) => {
      const report = await store.tasks.settle({ settlements, claim })
      if (!parts.isStopping() && !call.isRepeated) return report
      await giveBack(givenFirst(report.tasks))
      return { ...report, tasks: [] }
    })
  }

  function settled({ taskId, outcome }: Settlement, result: SettleResult): void {
    if (result.status === 'lost' || result.repeated) return
    const { namespace, queue, type, waitMs, runMs, taskStatus, runAt } = result
    if (taskStatus === 'scheduled' && runAt !== null) parts.wakeSweeperAt(runAt)
    observer.settled?.({ queue, type, waitMs, runMs, outcome: seenOutcome(outcome, taskStatus) })
    taskNews.cameTo(taskStatus, taskId, { namespace, queue, type, tags: null })
  }
}

function seenOutcome(outcome: Settlement['outcome'], taskStatus: string): SettledOutcome['outcome'] {
  if (outcome === 'failed' && (taskStatus === 'scheduled' || taskStatus === 'queued')) return 'retry-scheduled'
  return taskStatus === 'cancelled' ? 'cancelled' : outcome
}

function toClaimParams(claim: Claim): ClaimParams {
  const { worker, namespace = DEFAULTS.namespace, queues, types, limit, leaseSeconds, requestId } = claim
  if (!isIntegerIn(limit, 1, LIMITS.claim)) throw invalid('/limit', `a whole number from 1 to ${LIMITS.claim}`)
  assertName(worker.workerId, '/workerId', 'worker id')
  assertName(namespace, '/namespace', 'namespace')
  if (queues.length === 0) throw invalid('/queues', `1 to ${LIMITS.batch} queues`)
  assertNames(queues, '/queues', 'queue')
  if (types !== undefined) assertNames(types, '/types', 'type')
  if (requestId !== undefined) assertName(requestId, '/requestId', 'request id')
  return {
    namespace,
    queues,
    types: types ?? null,
    limit,
    leaseMs: leaseMs(leaseSeconds ?? DEFAULTS.leaseSeconds),
    worker,
    requestId: requestId ?? null,
  }
}

function leaseMs(leaseSeconds: number): number {
  if (!isNumberIn(leaseSeconds, 1, LIMITS.leaseSeconds)) throw invalid('/leaseSeconds', 'a number from 1 to 3600')
  return Math.round(leaseSeconds * 1000)
}

const DEFAULT_ERROR: TaskError = { code: 'error', message: 'The worker gave no reason' }

function toSettlement(outcome: Outcome, index: number, jitter: number): Settlement {
  const { token } = outcome
  const taskId = toTaskId(outcome.taskId)
  switch (outcome.outcome) {
    case 'succeeded':
      return { taskId, token, outcome: 'succeeded', result: checkedResult(outcome.result, index) }
    case 'failed': {
      const { retryable = true, retryDelaySeconds } = outcome
      if (retryDelaySeconds !== undefined && !isNumberIn(retryDelaySeconds, 0, LIMITS.delaySeconds)) {
        throw invalid(`/outcomes/${index}/retryDelaySeconds`, `a number of seconds from 0 to ${LIMITS.delaySeconds}`)
      }
      const retryDelayMs = retryDelaySeconds === undefined ? null : Math.round(retryDelaySeconds * 1000)
      return {
        taskId,
        token,
        outcome: 'failed',
        error: outcome.error === undefined ? DEFAULT_ERROR : mendedError(outcome.error),
        retryable,
        retryDelayMs,
        jitter,
      }
    }
    case 'cancelled':
    case 'released':
      return { taskId, token, outcome: outcome.outcome }
  }
}

function checkedResult(result: JsonText | undefined, index: number): JsonText | null {
  if (result === undefined) return null
  if (!fitsBytes(result, LIMITS.resultBytes))
    throw invalid(`/outcomes/${index}/result`, `at most ${LIMITS.resultBytes} bytes of JSON`)
  return result
}

// What went wrong is worth keeping whatever it was told in: it is mended and cut, never refused.
function mendedError({ code, message, stack }: TaskError): TaskError {
  const half = LIMITS.errorBytes / 2
  const mended = { code: mendedText(code, LIMITS.nameLength), message: mendedText(message, half) }
  return stack === undefined ? mended : { ...mended, stack: mendedText(stack, half) }
}

type Kept = RecordParams['entries'][number]

function toKept({ taskId, token, progress, log }: Recorded, index: number): Kept {
  if (progress !== undefined && !fitsBytes(progress, LIMITS.progressBytes))
    throw invalid(`/entries/${index}/progress`, `at most ${LIMITS.progressBytes} bytes of JSON`)
  if (log !== undefined && !fitsBytes(log, LIMITS.logBytes))
    throw invalid(`/entries/${index}/log`, `at most ${LIMITS.logBytes} bytes of text`)
  const line = log === undefined ? null : mendedText(log, LIMITS.logBytes)
  return { taskId: toTaskId(taskId), token, progress: progress ?? null, log: line }
}
