import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import type { ReadyLane } from '@taskyard/core'
import { TaskyardError } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'
import type { Answer, Call } from './group-commit.ts'
import { toStoreError } from './sqlite-errors.ts'
import { openStoreFile, type StoreFile } from './store-file.ts'
import type { CallMessage, RepliesMessage, Reply, ThreadMessage, WireError } from './thread-protocol.ts'

// The thread that owns the file: a slow disk stalls this thread alone. Calls that arrive while it commits share the
// next transaction. More ports connect later, from threads that keep leases alive while the main thread is blocked.

/** Calls in one transaction: bounds how long a call can be held up by others. */
const CALLS_PER_TRANSACTION = 64

const main = parentPort as MessagePort
const { path, acceptLostLog } = workerData as { path: string; acceptLostLog: boolean }
const ports: MessagePort[] = [main]
let file: StoreFile | null = null

type Pending = Call & { readonly id: number; readonly port: MessagePort }

/** The newest time that a call came with, and when. */
const told = { now: systemClock.now(), at: performance.now() }

main.on('message', onMessage.bind(null, main))
post(main, [start()], null)

function start(): Reply {
  try {
    file = openStoreFile(path, systemClock, acceptLostLog)
    return { id: 0, value: file.report }
  } catch (error) {
    return { id: 0, error: wireError(toStoreError(error, path)) }
  }
}

function onMessage(port: MessagePort, first: ThreadMessage): void {
  const pending: Pending[] = []
  for (let message: ThreadMessage | undefined = first, from = port; message !== undefined; ) {
    if (message.kind === 'call') pending.push({ ...message, now: nowOf(message), port: from })
    else if (message.kind === 'connect') connect(message.port)
    else if (message.kind === 'copy') void copy(message.id, message.to)
    else return stop(pending, message.id)
    if (pending.length === CALLS_PER_TRANSACTION) break
    const next = nextMessage()
    message = next?.message
    if (next !== undefined) from = next.port
  }
  runAll(pending)
}

function nowOf({ now }: CallMessage): number {
  const elapsed = performance.now()
  if (now === null) return Math.round(told.now + elapsed - told.at)
  told.now = now
  told.at = elapsed
  return now
}

function nextMessage(): { message: ThreadMessage; port: MessagePort } | undefined {
  for (const port of ports) {
    const received = receiveMessageOnPort(port)
    if (received !== undefined) return { message: received.message as ThreadMessage, port }
  }
  return undefined
}

function connect(port: MessagePort): void {
  ports.push(port)
  port.on('message', onMessage.bind(null, port))
  port.on('close', () => ports.splice(ports.indexOf(port), 1))
}

function runAll(pending: readonly Pending[]): void {
  if (pending.length === 0) return
  const answers = file === null ? closedAnswers(pending) : file.commit(pending)
  const replies = pending.map(({ id }, i) => replyTo(id, answers[i] as Answer))
  const ready = takeReady()
  for (const port of ports) {
    const own = ports.length === 1 ? replies : replies.filter((_, i) => pending[i]?.port === port)
    const news = port === main ? ready : null
    if (own.length > 0 || news !== null) post(port, own, news)
  }
}

function replyTo(id: number, answer: Answer): Reply {
  return 'error' in answer ? { id, error: wireError(answer.error) } : { id, value: answer.value }
}

function closedAnswers(calls: readonly Call[]): Answer[] {
  const error = new TaskyardError('store_unavailable', { reason: `${path} is closed` })
  return calls.map(() => ({ error }))
}

async function copy(id: number, to: string): Promise<void> {
  try {
    if (file === null) throw new TaskyardError('store_unavailable', { reason: `${path} is closed` })
    await file.copy(to)
    post(main, [{ id, value: null }], null)
  } catch (error) {
    post(main, [{ id, error: wireError(toStoreError(error, to)) }], null)
  }
}

function takeReady(): readonly ReadyLane[] | null {
  if (file === null || file.state.readyLanes.size === 0) return null
  const { lanes, readyLanes, counters } = file.state
  // A claim in the same transaction may have taken all of them.
  const ready = [...readyLanes].filter((lane) => counters.of(lane).queued > 0).map((lane) => lanes.get(lane))
  readyLanes.clear()
  return ready
}

function stop(pending: readonly Pending[], id: number): void {
  runAll(pending)
  file?.close()
  file = null
  post(main, [{ id, value: null }], null)
  for (const port of ports) port.close()
}

function post(port: MessagePort, replies: readonly Reply[], ready: RepliesMessage['ready']): void {
  port.postMessage({ replies, ready } satisfies RepliesMessage)
}

function wireError({ code, message, violations }: TaskyardError): WireError {
  return { code, message, violations }
}
