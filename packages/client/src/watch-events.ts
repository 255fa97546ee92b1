import { pause, retryDelayMs } from '@taskyard/worker'
import type { TaskEventDocument } from './documents.ts'
import { connectEvents, eventData } from './event-connection.ts'
import { isNumber } from './expected-answer.ts'
import { FailedCall } from './http-call.ts'
import type { WatchOptions } from './taskyard-api.ts'
import type { Transport } from './transport.ts'

/** A task's events, live. A broken connection is opened again where it broke, as long as calls may be repeated. */
export async function* watchEvents(
  { params }: Transport,
  id: string,
  { after = 0, signal }: WatchOptions,
): AsyncGenerator<TaskEventDocument> {
  const { address, clock, random, closed, retryMs } = params
  const stop = signal === undefined ? closed : AbortSignal.any([signal, closed])
  const path = `/api/v1/tasks/${encodeURIComponent(id)}/events`
  let last = after
  let giveUpAt = Number.POSITIVE_INFINITY
  for (let failures = 0; !stop.aborted; failures++) {
    try {
      for await (const { event, data } of connectEvents({
        address,
        clock,
        path,
        lastEventId: `${last}`,
        signal: stop,
      })) {
        if (event === 'end') return
        const entry = eventData<TaskEventDocument>(address, data, { n: isNumber })
        failures = 0
        giveUpAt = Number.POSITIVE_INFINITY
        last = entry.n
        yield entry
      }
    } catch (error) {
      if (stop.aborted) break
      if (!(error instanceof FailedCall)) throw error
      giveUpAt = Math.min(giveUpAt, clock.now() + retryMs)
      if (!error.error.retryable || clock.now() > giveUpAt) throw error.error
      await pause(clock, Math.max(error.retryAfterMs, retryDelayMs(failures, random)), stop)
    }
  }
  if (!signal?.aborted) closed.throwIfAborted()
}
