import {
  type JsonText,
  type LeasedTask,
  type LeaseRef,
  leasedTaskDocumentText,
  outcomeAnswers,
  TaskyardError,
  type ToldError,
} from '@taskyard/core'
import type { Claim, Outcome, Recorded, UseCases } from '@taskyard/engine'
import type { FastifyInstance } from 'fastify'
import { watchClaimAnswers } from '../claim-answers.ts'
import { whileDisconnectNoticed, wouldNoticeDisconnect } from '../disconnect-detection.ts'
import { sendJsonText } from '../json-reply.ts'
import { slices } from '../json-slices.ts'
import type { RouteContext } from '../route-context.ts'
import {
  heartbeatSchema,
  leasedTasksSchema,
  recordSchema,
  resultsSchema,
  settledSchema,
  settleSchema,
} from '../schemas/leases.ts'
import { BODY_PROBLEMS, problems } from '../schemas/problem.ts'
import type { OpenSessions } from './worker-session.ts'

interface ClaimBody {
  workerId: string
  queues: string[]
  types?: string[]
  limit: number
  leaseSeconds?: number
  requestId?: string
  session?: boolean
  waitSeconds?: number
}

interface SettleBody {
  outcomes: (LeaseRef & {
    outcome: Outcome['outcome']
    result?: unknown
    error?: ToldError
    retryable?: boolean
    retryDelaySeconds?: number
  })[]
  claim?: ClaimBody
}

interface RecordBody {
  entries: (LeaseRef & { progress?: unknown; log?: string })[]
}

const RESULTS = { list: 'outcomes', key: 'result' } as const
const PROGRESS = { list: 'entries', key: 'progress' } as const

/** Claim, heartbeat, settle and record: the calls of a worker. */
export function leaseRoutes(
  server: FastifyInstance,
  { inNamespaceOf, lifecycle, clock, connections }: RouteContext,
  sessions: OpenSessions,
): void {
  const answers = watchClaimAnswers(connections, clock)
  server.post<{ Body: ClaimBody }>('/api/v1/leases', { schema: claimRoute }, async (request, reply) => {
    lifecycle.refuseWhenClosing()
    // Tasks are for nobody who may be gone without our noticing.
    if (!wouldNoticeDisconnect(request)) throw new TaskyardError('rate_limited', { retryAfterSeconds: 1 })
    const { waitSeconds = 0 } = request.body
    const calls = inNamespaceOf(request)
    const claim = claimOf(calls, request.body, sessions)
    const connected = lifecycle.untilDisconnect(reply)
    const tasks = await calls.claim(
      claim,
      waitSeconds,
      waitSeconds > 0 ? whileDisconnectNoticed(request, connected) : connected,
    )
    await answers.sent(reply, calls, claim, tasks)
    return sendJsonText(reply, `{"tasks":${leasedTasksText(tasks)}}`)
  })

  server.post<{ Body: { leases: LeaseRef[]; leaseSeconds?: number } }>(
    '/api/v1/leases/heartbeat',
    { schema: heartbeatRoute },
    async (request, reply) => {
      const { leases, leaseSeconds } = request.body
      const calls = inNamespaceOf(request)
      answers.acknowledged(calls, leases)
      return sendJsonText(reply, `{"results":${resultsText(leases, await calls.heartbeat(leases, leaseSeconds))}}`)
    },
  )

  server.post<{ Body: RecordBody }>('/api/v1/leases/record', { schema: recordRoute }, async (request, reply) => {
    const progress = slices(request.bodyText, PROGRESS)
    const entries = request.body.entries.map((entry, index) => withText(entry, 'progress', progress[index]) as Recorded)
    const calls = inNamespaceOf(request)
    answers.acknowledged(calls, entries)
    return sendJsonText(reply, `{"results":${resultsText(entries, await calls.record(entries))}}`)
  })

  server.post<{ Body: SettleBody }>('/api/v1/leases/settle', { schema: settleRoute }, async (request, reply) => {
    const { claim } = request.body
    const results = slices(request.bodyText, RESULTS)
    const outcomes = request.body.outcomes.map((entry, index) => withText(entry, 'result', results[index]) as Outcome)
    // What is done may be settled while shutting down, and by who may be gone, but nothing new is given out.
    const mayClaim = !lifecycle.closing && wouldNoticeDisconnect(request)
    const calls = inNamespaceOf(request)
    const next = claim === undefined || !mayClaim ? undefined : claimOf(calls, claim, sessions)
    answers.acknowledged(calls, outcomes)
    const settled = await calls.settle(outcomes, next)
    await answers.sent(reply, calls, next, settled.tasks)
    const tasks = claim === undefined ? '' : `,"tasks":${leasedTasksText(settled.tasks)}`
    return sendJsonText(reply, `{"results":${JSON.stringify(outcomeAnswers(outcomes, settled.results))}${tasks}}`)
  })
}

// A session may be with another server, of which only the worker can say now that it is open.
function claimOf(
  { namespace }: UseCases,
  { workerId, session, waitSeconds: _, ...claim }: ClaimBody,
  sessions: OpenSessions,
): Claim {
  const hasSession = session ?? sessions.has({ namespace, workerId })
  return { ...claim, worker: { workerId, nodeId: null, session: hasSession } }
}

function withText(entry: object, name: string, text: JsonText | undefined): object {
  return text === undefined ? entry : { ...entry, [name]: text }
}

function leasedTasksText(tasks: readonly LeasedTask[]): string {
  return `[${tasks.map(leasedTaskDocumentText).join(',')}]`
}

function resultsText(leases: readonly LeaseRef[], statuses: readonly string[]): string {
  const results = leases.map(
    ({ taskId }, index) => `{"taskId":${JSON.stringify(taskId)},"status":"${statuses[index]}"}`,
  )
  return `[${results.join(',')}]`
}

const claimRoute = {
  operationId: 'claimTasks',
  tags: ['leases'],
  summary: 'Lease ready tasks, waiting for the first',
  body: { $ref: 'Claim#' },
  response: {
    200: {
      description: 'The tasks, possibly none',
      type: 'object',
      required: ['tasks'],
      properties: { tasks: leasedTasksSchema },
    },
    ...problems(...BODY_PROBLEMS, 429),
  },
} as const

const heartbeatRoute = leaseRoute(
  'heartbeat',
  'Extend leases',
  heartbeatSchema,
  resultsSchema(['ok', 'lost', 'cancel']),
)
const recordRoute = leaseRoute('record', 'Append progress and log lines', recordSchema, resultsSchema(['ok', 'lost']))
const settleRoute = leaseRoute(
  'settle',
  'Report how leased tasks ended, and lease the next',
  settleSchema,
  settledSchema,
  {
    tasks: { ...leasedTasksSchema, description: 'With claim: the next tasks, possibly none.' },
  },
)

function leaseRoute(operationId: string, summary: string, body: object, results: object, more: object = {}) {
  return {
    operationId,
    tags: ['leases'],
    summary,
    body,
    response: {
      200: {
        description: 'One result per lease, in the order of the request',
        type: 'object',
        required: ['results'],
        properties: { results, ...more },
      },
      ...problems(...BODY_PROBLEMS),
    },
  } as const
}
