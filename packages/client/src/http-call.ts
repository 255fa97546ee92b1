import { fitsBytes, type JsonText, LIMITS, TaskyardError } from '@taskyard/core'
import { UnexpectedAnswer } from './expected-answer.ts'
import { type Answer, answeredInBetween, errorOfAnswer } from './problem-error.ts'
import { timeoutSignal } from './runtime.ts'
import type { ServerAddress } from './server-address.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

export interface HttpCall {
  readonly method: Method
  /** From `/api/v1/…` on, with its query. */
  readonly path: string
  readonly body?: JsonText
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  readonly timeoutMs: number
}

/** The failure of one try: what it was, and how long the server asks to wait. */
export class FailedCall extends Error {
  override readonly name = 'FailedCall'
  readonly error: TaskyardError
  readonly retryAfterMs: number
  /** The request never left: there was nobody to take it. */
  readonly unsent: boolean

  constructor(error: TaskyardError, retryAfterMs: number, unsent: boolean) {
    super(error.message)
    this.error = error
    this.retryAfterMs = retryAfterMs
    this.unsent = unsent
  }
}

/**
 * One request, one try: the answer of a call that succeeded, read by `parse`, which throws UnexpectedAnswer at another's.
 * @throws FailedCall, the reason of the caller's own signal, or what `parse` throws at JSON
 */
export async function callOnce<Value>(
  address: ServerAddress,
  call: HttpCall,
  parse: (text: JsonText, status: number) => Value,
): Promise<Value> {
  const response = await send(address, call)
  const answer = await read(response, address, call)
  if (!response.ok) throw failedAnswer(response, errorOfAnswer(answer))
  try {
    return parse(answer.body as JsonText, answer.status)
  } catch (error) {
    const isAnother = error instanceof UnexpectedAnswer || !isJson(answer.body)
    throw isAnother ? failedAnswer(response, answeredInBetween(answer)) : error
  }
}

/** One request whose answer is a stream, of server-sent events unless another type is named. No time limit but the caller's signal. */
export async function openStream(
  address: ServerAddress,
  call: HttpCall,
  type = 'text/event-stream',
): Promise<ReadableStream<Uint8Array>> {
  const response = await send(address, call)
  const isStream = response.headers.get('content-type')?.startsWith(type) === true
  if (response.ok && isStream && response.body !== null) return response.body
  const answer = await read(response, address, call)
  throw failedAnswer(response, response.ok ? answeredInBetween(answer) : errorOfAnswer(answer))
}

async function send({ url, headers }: ServerAddress, call: HttpCall): Promise<Response> {
  const { method, path, body } = call
  const type = body === undefined ? undefined : { 'content-type': 'application/json' }
  if (body !== undefined && !fitsBytes(body, LIMITS.bodyBytes)) throw tooLarge()
  try {
    return await fetch(url + path, {
      method,
      headers: { ...headers, ...type, ...call.headers },
      body: body ?? null,
      // A redirected POST may arrive as a GET, whose answer would be taken for that of the POST.
      redirect: method === 'GET' ? 'follow' : 'manual',
      signal: signalOf(call),
    })
  } catch (error) {
    throw failureOf(error, url, call)
  }
}

/** A server refuses it before it has read it, and closes: who still sends may never see that answer. */
function tooLarge(): FailedCall {
  return new FailedCall(new TaskyardError('too_large', { limit: LIMITS.bodyBytes }), 0, true)
}

async function read(response: Response, { url }: ServerAddress, call: HttpCall): Promise<Answer> {
  try {
    const { status, statusText } = response
    return { url: url + call.path, status, statusText, body: await response.text() }
  } catch (error) {
    throw failureOf(error, url, call)
  }
}

function failedAnswer({ headers }: Response, error: TaskyardError): FailedCall {
  return new FailedCall(error, retryAfterMs(headers.get('retry-after')), false)
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function signalOf({ signal, timeoutMs }: HttpCall): AbortSignal | null {
  const signals = signal === undefined ? [] : [signal]
  if (Number.isFinite(timeoutMs)) signals.push(timeoutSignal(timeoutMs))
  return signals.length === 0 ? null : AbortSignal.any(signals)
}

function failureOf(error: unknown, url: string, { signal, timeoutMs }: HttpCall): unknown {
  if (signal?.aborted) return signal.reason
  const timedOut = error instanceof Error && error.name === 'TimeoutError'
  const reason = timedOut ? `no answer within ${timeoutMs / 1000} s` : reasonOf(error)
  return new FailedCall(new TaskyardError('connection_failed', { url, reason }, { cause: error }), 0, isUnsent(error))
}

// fetch says only "fetch failed"; what failed is in its cause, and of several addresses in the causes of that.
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  if (cause instanceof AggregateError) return cause.errors.map(reasonOf).join('; ')
  if (NO_TLS.test(String(codeOf(cause)))) return 'it speaks plain HTTP: write http:// instead of https://'
  return cause instanceof Error ? cause.message || String(codeOf(cause) ?? cause.name) : String(cause)
}

/** What is read as TLS is none. */
const NO_TLS = /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST)$/

const UNSENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])

function isUnsent(error: unknown): boolean {
  return error instanceof Error && UNSENT.has(String(codeOf(error.cause)))
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

function retryAfterMs(header: string | null): number {
  const seconds = Number(header ?? 0)
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : 0
}
