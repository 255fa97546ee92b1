import type { Clock, Random, SessionRequest, WorkerSession } from '@taskyard/core'
import { pause, type ReportError, retryDelayMs } from '@taskyard/worker'
import { connectEvents, eventData, SILENCE_MS } from './event-connection.ts'
import { type Expected, isNumber, isOptional, isText } from './expected-answer.ts'
import { FailedCall } from './http-call.ts'
import type { ServerAddress } from './server-address.ts'
import { withQuery } from './transport.ts'

/** Names beyond this do not go into the URL: the session works without, only the list of workers then says less. */
const MAX_NAMES_LENGTH = 4000
/** Without a sign of life for so many of the server's pings the session is taken for broken. */
const MISSED_PINGS = 2.5

export interface SessionState {
  readonly isOpen: boolean
  /** The server takes claims that say that their worker keeps a session. Older ones refuse the word. */
  readonly knowsSession: boolean
}

const BROKEN: SessionState = { isOpen: false, knowsSession: false }

export interface OpenWorkerSession {
  readonly address: ServerAddress
  readonly clock: Clock
  readonly random: Random
  readonly worker: SessionRequest
  /** How long a server that does not say how often it pings may be silent. */
  readonly silenceMs?: number
  onCancel(taskId: string): void
  /** The session is open, or it broke. That it was closed is not told. */
  onChange?(state: SessionState): void
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
  const { clock, random, report, silenceMs = SILENCE_MS, onChange = () => {} } = session
  // What one server said holds for the next, which may not get so far as to say it.
  let patienceMs = silenceMs
  let failures = 0
  let isOpen = false
  const onReady = (pingSeconds: number | undefined) => {
    patienceMs = pingSeconds === undefined ? silenceMs : pingSeconds * 1000 * MISSED_PINGS
    failures = 0
    isOpen = true
    onChange({ isOpen, knowsSession: pingSeconds !== undefined })
    onOpen()
  }
  while (!closing.aborted) {
    try {
      await readConnection(session, closing, () => patienceMs, onReady)
    } catch (error) {
      if (closing.aborted) return
      if (isOpen) onChange(BROKEN)
      isOpen = false
      report(error instanceof FailedCall ? error.error : error, 'session')
      await pause(clock, retryDelayMs(failures++, random), closing)
    }
  }
}

interface Ready {
  readonly pingSeconds?: number
}

interface Cancel {
  readonly taskId: string
}

const READY: Expected = { pingSeconds: isOptional(isNumber) }
const CANCEL: Expected = { taskId: isText }

async function readConnection(
  { address, clock, worker, onCancel }: OpenWorkerSession,
  signal: AbortSignal,
  silenceMs: () => number,
  onReady: (pingSeconds: number | undefined) => void,
): Promise<void> {
  const path = sessionPath(worker)
  for await (const { event, data } of connectEvents({ address, clock, path, signal, silenceMs })) {
    if (event === 'ready') onReady(eventData<Ready>(address, data, READY).pingSeconds)
    else if (event === 'cancel') onCancel(eventData<Cancel>(address, data, CANCEL).taskId)
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
