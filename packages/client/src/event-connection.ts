import { type Clock, fromJsonText, type JsonText, TaskyardError } from '@taskyard/core'
import { excerpt } from './excerpt.ts'
import { asExpected, type Expected } from './expected-answer.ts'
import { FailedCall, openStream } from './http-call.ts'
import type { ServerAddress } from './server-address.ts'
import { readEvents, type ServerSentEvent } from './server-sent-events.ts'

/** Servers send at least a comment every 10 s; a connection that is silent for three times that is dead. */
export const SILENCE_MS = 30_000
/** What arrived while this process was busy, or stood still, is read within this time. */
const UNREAD_MS = 100

export interface EventConnection {
  readonly address: ServerAddress
  readonly clock: Clock
  readonly path: string
  readonly lastEventId?: string | undefined
  readonly signal: AbortSignal
  /** So long may the server be silent; asked after every sign of life and every event. Default: `SILENCE_MS`. */
  readonly silenceMs?: () => number
}

/**
 * The events of one connection, until it breaks.
 * @throws FailedCall when it cannot be opened, breaks, ends or falls silent; the reason of the signal when that aborts
 */
export async function* connectEvents(connection: EventConnection): AsyncGenerator<ServerSentEvent> {
  const { address, path, lastEventId, signal } = connection
  const watchdog = watchSilence(connection)
  try {
    const stream = await openStream(address, {
      method: 'GET',
      path,
      headers: { accept: 'text/event-stream', ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) },
      signal: AbortSignal.any([signal, watchdog.silent]),
      timeoutMs: Number.POSITIVE_INFINITY,
    })
    for await (const event of readEvents(stream, watchdog.reset)) {
      yield event
      watchdog.reset()
    }
    throw broken(address, 'the event stream ended')
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw error instanceof FailedCall ? error : broken(address, error instanceof Error ? error.message : String(error))
  } finally {
    watchdog.stop()
  }
}

/** What an event says. @throws FailedCall when that is not what a server says */
export function eventData<Data>(address: ServerAddress, data: string, expected: Expected): Data {
  try {
    return asExpected(fromJsonText(data as JsonText), expected) as Data
  } catch {
    throw broken(address, `something that is no Taskyard server sent an event: "${excerpt(data)}"`)
  }
}

function broken({ url }: ServerAddress, reason: string): FailedCall {
  return new FailedCall(new TaskyardError('connection_failed', { url, reason }), 0, false)
}

function watchSilence({ address, clock, silenceMs = () => SILENCE_MS }: EventConnection) {
  const controller = new AbortController()
  let callOff = watch()

  function watch(): () => void {
    const ms = silenceMs()
    const abortAsSilent = () => controller.abort(broken(address, `no sign of life for ${ms / 1000} s`))
    return clock.after(ms, () => {
      callOff = clock.after(UNREAD_MS, abortAsSilent)
    })
  }

  return {
    silent: controller.signal,
    reset: () => {
      callOff()
      callOff = watch()
    },
    stop: () => callOff(),
  }
}
