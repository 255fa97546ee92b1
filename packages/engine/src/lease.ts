import {
  type ClaimParams,
  DEFAULTS,
  EVERY_QUEUE,
  fitsBytes,
  givenFirst,
  isIntegerIn,
  isNumberIn,
  type JsonText,
  LIMITS,
  type RecordParams,
  type Settlement,
  type SettleReport,
  type SettleResult,
  sanitizedText,
  type TaskError,
  type ToldError,
} from '@taskyard/core'
import { assertName, assertNames, assertQueuesOfClaim, invalid, toTaskId } from './check-submission.ts'
import type { ClaimCalls } from './claim-calls.ts'
import type { Claim, Outcome, Recorded, UseCases } from './engine.ts'
import type { EngineContext } from './engine-context.ts'
import type { GiveBack } from './give-back.ts'
import type { InNamespace } from './in-namespace.ts'
import { createLeaseObservations } from './lease-observations.ts'
import type { LongPolls } from './long-polls.ts'
import type { Sessions } from './sessions.ts'
import { assertBatch } from './submit.ts'

/** What a worker does: claim, heartbeat, settle, record. */
export function createLeasing(
  context: EngineContext,
  longPolls: LongPolls,
  calls: ClaimCalls,
  giveBack: GiveBack,
  sessions: Sessions,
): InNamespace<Pick<UseCases, 'claim' | 'giveBack' | 'heartbeat' | 'settle' | 'record'>> {
  const { store, taskNews, random } = context
  const { claimed, settled, answered } = createLeaseObservations(context, sessions)
  const settleAndClaim = createSettleAndClaim(context, calls, giveBack)

  return (namespace) => ({
    async claim(claim, waitSeconds = 0, signal) {
      context.usedNamespaces.note(namespace)
      const params = toClaimParams(namespace, claim)
      if (!isNumberIn(waitSeconds, 0, LIMITS.waitSeconds)) throw invalid('/waitSeconds', 'a number from 0 to 60')
      const tasks = await noted(sessions, params, () => longPolls.claim(params, waitSeconds * 1000, signal))
      if (tasks.length > 0) claimed(params, tasks)
      return tasks
    },
    giveBack: (leases) => giveBack(namespace, leases),
    async heartbeat(leases, leaseSeconds = DEFAULTS.leaseSeconds) {
      assertBatch(leases.length)
      const named = leases.map(({ taskId, token }) => ({ taskId: toTaskId(taskId), token }))
      const statuses = await store.tasks.extend({ namespace, leases: named, leaseMs: leaseMs(leaseSeconds) })
      answered('extend', namespace, named, statuses)
      return statuses
    },
    async settle(outcomes, claim) {
      context.usedNamespaces.note(namespace)
      if (outcomes.length > 0 || claim === undefined) assertBatch(outcomes.length)
      const settlements = outcomes.map((outcome, i) => toSettlement(outcome, i, random()))
      const next = claim === undefined || context.isStopping() ? null : toClaimParams(namespace, claim)
      const report =
        next === null
          ? store.tasks.settle({ namespace, settlements, claim: null })
          : noted(sessions, next, () => context.pendingCalls.track(settleAndClaim(settlements, next)))
      const { results, tasks } = await report
      for (let i = 0; i < results.length; i++) settled(settlements[i] as Settlement, results[i] as SettleResult)
      if (next !== null && tasks.length > 0) claimed(next, tasks)
      const statuses = results.map(({ status }) => status)
      answered('settle', namespace, settlements, statuses)
      return { results, tasks }
    },
    async record(entries) {
      assertBatch(entries.length)
      const kept = entries.map(toKept)
      const statuses = await store.tasks.record({ namespace, entries: kept })
      statuses.forEach((status, i) => {
        if (status === 'ok') taskNews.recorded(namespace, (kept[i] as Kept).taskId)
      })
      answered('record', namespace, kept, statuses)
      return statuses
    },
  })
}

/** The worker counts as one that asks for tasks until its call has ended. */
async function noted<Result>(
  { claimBegins }: Pick<Sessions, 'claimBegins'>,
  claim: ClaimParams,
  call: () => Promise<Result>,
): Promise<Result> {
  const claimEnds = claimBegins(claim)
  try {
    return await call()
  } finally {
    claimEnds()
  }
}

/** A settlement with a claim beside it, whose tasks go back when nobody can be given them any more. */
function createSettleAndClaim(context: EngineContext, calls: ClaimCalls, giveBack: GiveBack) {
  return (settlements: readonly Settlement[], claim: ClaimParams): Promise<SettleReport> =>
    calls.asNewest(claim, async (call) => {
      const report = await context.store.tasks.settle({ namespace: claim.namespace, settlements, claim })
      if (!context.isStopping() && !call.isRepeated) return report
      await giveBack(claim.namespace, givenFirst(report.tasks))
      return { ...report, tasks: [] }
    })
}

function toClaimParams(namespace: string, claim: Claim): ClaimParams {
  const { worker, queues, types, limit, leaseSeconds, requestId } = claim
  if (!isIntegerIn(limit, 1, LIMITS.claim)) throw invalid('/limit', `a whole number from 1 to ${LIMITS.claim}`)
  assertName(worker.workerId, '/workerId', 'worker id')
  if (queues.length === 0) throw invalid('/queues', `1 to ${LIMITS.batch} queues`)
  assertQueuesOfClaim(queues, '/queues')
  if (types !== undefined) assertNames(types, '/types', 'type')
  if (requestId !== undefined) assertName(requestId, '/requestId', 'request id')
  return {
    namespace,
    queues: queues.includes(EVERY_QUEUE) ? null : queues,
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
        error: outcome.error === undefined ? DEFAULT_ERROR : sanitizedError(outcome.error),
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
function sanitizedError({ code = DEFAULT_ERROR.code, message, stack }: ToldError): TaskError {
  const half = LIMITS.errorBytes / 2
  const sanitized = { code: sanitizedText(code, LIMITS.nameLength), message: sanitizedText(message, half) }
  return stack === undefined ? sanitized : { ...sanitized, stack: sanitizedText(stack, half) }
}

type Kept = RecordParams['entries'][number]

function toKept({ taskId, token, progress, log }: Recorded, index: number): Kept {
  if (progress !== undefined && !fitsBytes(progress, LIMITS.progressBytes))
    throw invalid(`/entries/${index}/progress`, `at most ${LIMITS.progressBytes} bytes of JSON`)
  if (log !== undefined && !fitsBytes(log, LIMITS.logBytes))
    throw invalid(`/entries/${index}/log`, `at most ${LIMITS.logBytes} bytes of text`)
  const line = log === undefined ? null : sanitizedText(log, LIMITS.logBytes)
  return { taskId: toTaskId(taskId), token, progress: progress ?? null, log: line }
}
