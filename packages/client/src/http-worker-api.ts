import {
  type ClaimRequest,
  type Clock,
  type JsonText,
  type LeasedTaskDocument,
  LIMITS,
  type Random,
  type RecordEntry,
  type SettleRequest,
  type SettleResponse,
  type TaskOutcome,
  toJsonText,
  type WorkerApi,
} from '@taskyard/core'
import { threadModule } from '@taskyard/core/threads'
import type { ReportError } from '@taskyard/worker'
import { asExpected, type Expected, isList, isOptional } from './expected-answer.ts'
import { callOnce, FailedCall, type HttpCall } from './http-call.ts'
import { requestBodies } from './request-bodies.ts'
import type { ServerAddress } from './server-address.ts'
import { TYPES, TYPES_PATH } from './type-routes.ts'
import { openWorkerSession, type SessionState } from './worker-session.ts'

const ANSWER_MS = 30_000

export interface HttpWorkerApiParams {
  readonly address: ServerAddress
  readonly clock: Clock
  readonly random: Random
  readonly report: ReportError
}

/** What a worker needs, over the lease routes. Each call is one try: the worker itself repeats. */
export function createHttpWorkerApi({ address, clock, random, report }: HttpWorkerApiParams): WorkerApi {
  const post: Post = (path, expected, body, options) => postOnce(address, path, expected, body, options)
  const inSession = new Set<string>()
  const withSession: NameSession = (claim) => (inSession.has(claim.workerId) ? { ...claim, session: true } : claim)
  return {
    async claim(request, signal) {
      try {
        const options = { signal, timeoutMs: ANSWER_MS + (request.waitSeconds ?? 0) * 1000 }
        return (await post<{ tasks: LeasedTaskDocument[] }>('', TASKS, toJsonText(withSession(request)), options)).tasks
      } catch (error) {
        if (signal.aborted) return []
        throw error
      }
    },
    settle: ({ outcomes, claim }) => settle(post, outcomes, claim && withSession(claim)),
    async record(entries) {
      const results = []
      for (const body of requestBodies('entries', entries.map(recordText))) {
        results.push(...(await post<Recorded>('/record', RESULTS, body)).results)
      }
      return results
    },
    async declareTypes(types) {
      const body = toJsonText({ types: types.map(({ type, defaults }) => ({ type, ...defaults })) })
      await callTaskyard(address, { method: 'POST', path: TYPES_PATH, body }, TYPES)
    },
    openSession(worker, onCancel, tell) {
      const onChange = ({ isOpen, knowsSession }: SessionState) => {
        if (knowsSession) inSession.add(worker.workerId)
        else inSession.delete(worker.workerId)
        tell?.(isOpen)
      }
      const session = openWorkerSession({ address, clock, random, report, worker, onCancel, onChange })
      return {
        opened: session.opened,
        close() {
          inSession.delete(worker.workerId)
          return session.close()
        },
      }
    },
    threadAccess: () => ({
      module: threadModule(import.meta.url, 'client/lease-extender').href,
      data: address,
      transfer: [],
    }),
  }
}

interface PostOptions {
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
}

interface Recorded {
  readonly results: { readonly taskId: string; readonly status: 'ok' | 'lost' }[]
}

/** A session may be with another server than the claim, which then knows of it from the claim alone. */
type NameSession = <Asked extends { readonly workerId: string }>(claim: Asked) => Asked & { session?: true }

type Post = <Answer>(path: string, expected: Expected, body: JsonText, options?: PostOptions) => Promise<Answer>

const TASKS: Expected = { tasks: isList }
export const RESULTS: Expected = { results: isList }
const SETTLED: Expected = { ...RESULTS, tasks: isOptional(isList) }

/** @throws TaskyardError */
export async function postOnce<Answer>(
  address: ServerAddress,
  path: string,
  expected: Expected,
  body: JsonText,
  { signal, timeoutMs = ANSWER_MS }: PostOptions = {},
): Promise<Answer> {
  const call = { method: 'POST', path: `/api/v1/leases${path}`, body, timeoutMs } as const
  return callTaskyard(address, signal === undefined ? call : { ...call, signal }, expected)
}

async function callTaskyard<Answer>(
  address: ServerAddress,
  call: Omit<HttpCall, 'timeoutMs'> & { readonly timeoutMs?: number },
  expected: Expected,
): Promise<Answer> {
  try {
    const parse = (text: JsonText) => asExpected(JSON.parse(text), expected)
    return (await callOnce(address, { timeoutMs: ANSWER_MS, ...call }, parse)) as Answer
  } catch (error) {
    throw error instanceof FailedCall ? error.error : error
  }
}

// Outcomes that do not fit into one body go in several; the last one claims. Should one fail, the worker repeats them
// all, and those already accepted are accepted again.
async function settle(
  post: Post,
  outcomes: SettleRequest['outcomes'],
  claim: SettleRequest['claim'],
): Promise<SettleResponse> {
  const bodies = requestBodies(
    'outcomes',
    outcomes.map(outcomeText),
    claim === undefined ? {} : { claim: claimText(claim) },
  )
  const results: SettleResponse['results'][number][] = []
  let tasks: readonly LeasedTaskDocument[] | undefined
  for (const body of bodies) {
    const response = await post<SettleResponse>('/settle', SETTLED, body)
    results.push(...response.results)
    tasks = response.tasks
  }
  return tasks === undefined ? { results } : { results, tasks }
}

function claimText(claim: Omit<ClaimRequest, 'waitSeconds'>): JsonText {
  return toJsonText({ ...claim, limit: Math.min(claim.limit, LIMITS.claim) })
}

function outcomeText({ result, ...outcome }: TaskOutcome): JsonText {
  return withMember(outcome, 'result', result)
}

function recordText({ progress, ...entry }: RecordEntry): JsonText {
  return withMember(entry, 'progress', progress)
}

/** The JSON of an object with one more member, whose text is put in as it is. */
function withMember(object: object, name: string, text: JsonText | undefined): JsonText {
  const own = toJsonText(object)
  return text === undefined ? own : (`${own.slice(0, -1)},"${name}":${text}}` as JsonText)
}
