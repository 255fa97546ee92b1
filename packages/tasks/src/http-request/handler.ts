import { type LeasedTaskDocument, monotonicClock, type TaskContext, TaskFailure } from '@taskyard/core'
import { Agent } from 'undici'
import { failureOf } from '../failure.ts'
import type { OpenHandler, TaskTypeDeps } from '../task-type.ts'
import type { AddressPolicy } from './address-policy.ts'
import { AbandonedError, type Deadline, startDeadline } from './deadline.ts'
import { type Exchange, exchange } from './exchange.ts'
import { HTTP_FAILURES } from './failures.ts'
import { AddressRefusedError, createGuardedConnect, systemLookup } from './guarded-connect.ts'
import { createHostCircuits } from './host-circuits.ts'
import { type HttpRequestPayload, type OutgoingRequest, toOutgoing } from './outgoing.ts'
import { isRedirect, MAX_REDIRECTS, redirected } from './redirect.ts'
import { requestWords } from './request-words.ts'
import { unexpectedStatus } from './unexpected-status.ts'

const DEFAULT_TIMEOUT_SECONDS = 30
const DEFAULT_MAX_RESPONSE_BYTES = 1_048_576
/** Status line and headers together; a longer head fails the exchange. */
const MAX_HEADER_BYTES = 16_384

export interface HttpRequestResult {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[]>>
  readonly body: string
  readonly bodyEncoding: 'text' | 'base64'
  readonly truncated: boolean
  readonly durationMs: number
}

/** One handler has one pool of connections and one circuit per host; `close` ends what is under way. */
export function createHttpRequestHandler(deps: TaskTypeDeps, permits: AddressPolicy): OpenHandler {
  const { clock, lookup = systemLookup } = deps
  const monotonic = monotonicClock(clock)
  const agent = new Agent({
    connect: createGuardedConnect(permits, lookup),
    maxHeaderSize: MAX_HEADER_BYTES,
  })
  const circuits = createHostCircuits({ ...deps, isOutage })

  async function run(task: LeasedTaskDocument<HttpRequestPayload>, context: TaskContext): Promise<HttpRequestResult> {
    const startedAt = monotonic.now()
    const { timeoutSeconds = DEFAULT_TIMEOUT_SECONDS } = task.payload
    const deadline = startDeadline(clock, timeoutSeconds * 1000, context.signal)
    try {
      const answer = await requestWithRedirects(toOutgoing(task), task.payload, deadline)
      return toResult(answer, monotonic.now() - startedAt)
    } catch (error) {
      context.signal.throwIfAborted()
      throw error
    } finally {
      deadline.clear()
    }
  }

  /** Follows redirects to the last answer. Every hop is checked, and guarded by its own host's circuit. */
  async function requestWithRedirects(first: OutgoingRequest, payload: HttpRequestPayload, deadline: Deadline) {
    const { followRedirects = true } = payload
    let outgoing = first
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const answer = await send(outgoing, payload, deadline)
      const location = [answer.headers.location].flat()[0]
      if (answer.isExpected) return answer
      if (!followRedirects || !isRedirect(answer.status, location)) throw unexpectedStatus(outgoing, answer, clock)
      outgoing = redirected(outgoing, answer.status, location)
    }
    throw failureOf(HTTP_FAILURES, 'too_many_redirects', requestWords(first, ' redirects too often'))
  }

  /** One hop. What fails is told of this one, wherever the task began. */
  async function send(outgoing: OutgoingRequest, payload: HttpRequestPayload, deadline: Deadline): Promise<Exchange> {
    const { expectedStatus: expected = '2xx', maxResponseBytes = DEFAULT_MAX_RESPONSE_BYTES } = payload
    const options = { expected, maxResponseBytes, signal: deadline.signal }
    try {
      return await circuits.call(outgoing.url.host, () => deadline.guard(exchange(agent, outgoing, options)))
    } catch (error) {
      throw deadline.passed() ? timedOut(outgoing, payload, error) : toFailure(outgoing, error)
    }
  }

  return { run, close: () => agent.destroy() }
}

function toResult({ status, headers, body, bodyEncoding, truncated }: Exchange, durationMs: number) {
  return { status, headers, body, bodyEncoding, truncated, durationMs: Math.round(durationMs) }
}

/** Our own refusal and a caller that went away say nothing about the host. */
function isOutage(error: unknown): boolean {
  return !(error instanceof AddressRefusedError || error instanceof AbandonedError)
}

function timedOut(outgoing: OutgoingRequest, payload: HttpRequestPayload, cause: unknown): TaskFailure {
  const { timeoutSeconds = DEFAULT_TIMEOUT_SECONDS } = payload
  const message = requestWords(outgoing, ` gave no complete answer within ${timeoutSeconds} s`)
  return failureOf(HTTP_FAILURES, 'http_timeout', message, { cause })
}

function toFailure(outgoing: OutgoingRequest, cause: unknown): TaskFailure {
  if (cause instanceof TaskFailure) return cause
  if (cause instanceof AddressRefusedError) return failureOf(HTTP_FAILURES, 'address_refused', cause.message, { cause })
  return failureOf(HTTP_FAILURES, 'http_unreachable', requestWords(outgoing, `: ${reasonOf(cause as Error)}`), {
    cause,
  })
}

/** Of a host with several addresses the reason at each of them. */
function reasonOf(error: Error): string {
  return error instanceof AggregateError ? error.errors.map(({ message }) => message).join('; ') : error.message
}
