import type { Clock, Random, SessionRequest, WorkerSession } from '@taskyard/core'
import { pause, type ReportError, retryDelayMs } from '@taskyard/worker'
import { connectEvents } from './event-connection.ts'
import { FailedCall } from './http-call.ts'
import type { ServerAddress } from './server-address.ts'
import { withQuery } from './transport.ts'

/** Names beyond this do not go into the URL: the session works without, only the list of workers then says less. */
const MAX_NAMES_LENGTH = 4000

export interface OpenWorkerSession {
  readonly address: ServerAddress
  readonly clock: Clock
  readonly random: Random
  readonly worker: SessionRequest
  readonly silenceMs?: number
  onCancel(taskId: string): void
  readonly report: ReportError
}

/** A worker's live connection, kept open: whenever it breaks it is opened again, with jittered backoff. */
export function openWorkerSession(session: OpenWorkerSession): WorkerSession {
  const closing = new AbortController()
  const opened = Promise.withResolvers<void>()
  const closed = keepOpen(session, closing.signal, opened.resolve)
  return {
    opened: opened.promise,
    close: () => {
      closing.abort()
      return closed
    },
  }
}

async function keepOpen(session: OpenWorkerSession, closing: AbortSignal, onOpen: () => void): Promise<void> {
  const { clock, random, report } = session
  let failures = 0
  while (!closing.aborted) {
    try {
      await readConnection(session, closing, () => {
        failures = 0
        onOpen()
      })
    } catch (error) {
      if (closing.aborted) return
      report(error instanceof FailedCall ? error.error : error, 'session')
      await pause(clock, retryDelayMs(failures++, random), closing)
    }
  }
}

async function readConnection(session: OpenWorkerSession, signal: AbortSignal, onReady: () => void): Promise<void> {
  const { address, clock, worker, silenceMs, onCancel } = session
  const connection = { address, clock, path: sessionPath(worker), signal }
  for await (const { event, data } of connectEvents(
    silenceMs === undefined ? connection : { ...connection, silenceMs },
  )) {
    if (event === 'ready') onReady()
    else if (event === 'cancel') onCancel((JSON.parse(data) as { taskId: string }).taskId)
  }
}

function sessionPath({ workerId, queues, types, concurrency, startId }: SessionRequest): string {
  return withQuery(`/api/v1/workers/${encodeURIComponent(workerId)}/session`, {
    queues: joined(queues),
    types: joined(types ?? []),
    concurrency,
    startId,
  })
}

function joined(names: readonly string[]): string | undefined {
  const text = names.join(',')
  return text === '' || text.length > MAX_NAMES_LENGTH ? undefined : text
}
