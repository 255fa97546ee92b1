import { type Clock, fromJsonText, type JsonText, type Random, TaskyardError, toJsonText } from '@taskyard/core'
import { pause, retryDelayMs } from '@taskyard/worker'
import { asExpected, assertNoContent, type Expected } from './expected-answer.ts'
import { callOnce, FailedCall, type HttpCall, type Method } from './http-call.ts'
import type { ServerAddress } from './server-address.ts'

export interface TransportParams {
  readonly address: ServerAddress
  /** Monotonic. */
  readonly clock: Clock
  readonly random: Random
  /** How long a call that has failed may be repeated, and how long one try may take; ms. */
  readonly retryMs: number
  readonly timeoutMs: number
  readonly parse: (text: JsonText) => unknown
  /** Aborts when the client is closed. */
  readonly closed: AbortSignal
}

export interface TransportCall {
  readonly method: Method
  readonly path: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
  /** Added to the time one try may take: a long poll. */
  readonly extraMs?: number
  /** One try alone. Default: it is repeated where that is safe and can help. */
  readonly once?: boolean
  /** Doing it twice is the same as doing it once, so a lost reply is no reason to stop. Default: of GET only. */
  readonly repeatable?: boolean
  /** What the answer always has: one without it is not the server's. `null`: it is 204. */
  readonly expected: Expected | null
}

/** Calls that mend what can be mended: repeated while that is safe and can help, with jittered backoff. */
export class Transport {
  readonly params: TransportParams

  constructor(params: TransportParams) {
    this.params = params
  }

  /** The parsed answer. @throws TaskyardError, or the reason of the signal */
  async call<Answer>(call: TransportCall): Promise<Answer> {
    const { clock, random, retryMs, parse } = this.params
    const httpCall = this.#httpCall(call)
    const { expected } = call
    const read = (text: JsonText, status: number) =>
      expected === null ? assertNoContent(status) : asExpected(parse(text), expected)
    let giveUpAt = Number.POSITIVE_INFINITY
    for (let failures = 0; ; failures++) {
      try {
        return (await callOnce(this.params.address, httpCall, read)) as Answer
      } catch (error) {
        if (!(error instanceof FailedCall)) throw error
        // The first try may have been under way for long.
        giveUpAt = Math.min(giveUpAt, clock.now() + retryMs)
        const waitMs = Math.max(error.retryAfterMs, retryDelayMs(failures, random))
        if (call.once || !worthRepeating(error, call) || clock.now() + waitMs > giveUpAt) throw error.error
        await pause(clock, waitMs, httpCall.signal as AbortSignal)
        httpCall.signal?.throwIfAborted()
      }
    }
  }

  get<Answer>(
    path: string,
    expected: Expected,
    options: Pick<TransportCall, 'signal' | 'extraMs' | 'once'> = {},
  ): Promise<Answer> {
    return this.call({ method: 'GET', path, expected, ...options })
  }

  #httpCall({ method, path, body, headers, signal, extraMs }: TransportCall): HttpCall {
    const { closed, timeoutMs } = this.params
    return {
      method,
      path,
      timeoutMs: timeoutMs + (extraMs ?? 0),
      signal: signal === undefined ? closed : AbortSignal.any([signal, closed]),
      ...(body === undefined ? {} : { body: bodyText(body) }),
      ...(headers === undefined ? {} : { headers }),
    }
  }
}

/** Written down when the call is made: repetitions send the same. */
function bodyText(body: unknown): JsonText {
  try {
    return toJsonText(body)
  } catch (error) {
    const reason = `what is to be sent has no JSON form: ${(error as Error).message}`
    throw new TaskyardError('invalid_request', { reason }, { cause: error })
  }
}

function worthRepeating({ error, unsent }: FailedCall, { method, repeatable }: TransportCall): boolean {
  return error.retryable && (error.definite || unsent || (repeatable ?? method === 'GET'))
}

type QueryValue = string | number | undefined

/** The path with a query of the values that are set; of several under one name each is a parameter of its own. */
export function withQuery(path: string, values: Readonly<Record<string, QueryValue | readonly QueryValue[]>>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(values)) {
    for (const one of [value].flat()) if (one !== undefined) query.append(name, String(one))
  }
  return query.size === 0 ? path : `${path}?${query}`
}

/** The default of `parse`: what a server answered, by `JSON.parse`. */
export function parseJson(text: JsonText): unknown {
  return fromJsonText(text)
}
