import type { MessagePort, Worker } from 'node:worker_threads'
import { TaskyardError } from '@taskyard/core'
import type { OperationName } from './operations/index.ts'
import type { StoreTime } from './steady-clock.ts'
import type { CallMessage, Reply, ThreadMessage, WireError } from './thread-protocol.ts'

interface Waiting {
  resolve(value: unknown): void
  reject(error: TaskyardError): void
}

/** Calls to the store's thread, over its worker or over a port of their own. */
export interface ThreadCalls {
  /** @param time `null`: what the thread takes it to be, by the last call of the one who knows */
  call(operation: OperationName, params: unknown, time: StoreTime | null): Promise<unknown>
  /** Copies the database to a new file. */
  copy(to: string): Promise<unknown>
  stop(): Promise<void>
  post(message: ThreadMessage, transfer: readonly MessagePort[]): void
  settle(replies: readonly Reply[]): void
  /** Rejects everything under way and whatever comes later. */
  fail(reason: string): void
}

/** Calls over a channel to the store's thread. Answers come by `settle`, whoever listens on the channel. */
export function createThreadCalls(endpoint: Pick<Worker | MessagePort, 'postMessage'>): ThreadCalls {
  const waiting = new Map<number, Waiting>()
  let lastId = 0
  let failure: string | null = null

  function send(build: (id: number) => ThreadMessage): Promise<unknown> {
    if (failure !== null) return Promise.reject(new TaskyardError('store_unavailable', { reason: failure }))
    const id = ++lastId
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject })
      endpoint.postMessage(build(id))
    })
  }

  return {
    call: (operation, params, time) => send((id) => callMessage(id, operation, params, time)),
    copy: (to) => send((id) => ({ kind: 'copy', id, to })),
    async stop() {
      const stopped = send((id) => ({ kind: 'stop', id }))
      failure = 'the store is closed'
      await stopped
    },
    post: (message, transfer) => endpoint.postMessage(message, transfer),
    settle(replies) {
      for (const reply of replies) {
        const call = waiting.get(reply.id)
        waiting.delete(reply.id)
        if ('error' in reply) call?.reject(errorFromWire(reply.error))
        else call?.resolve(reply.value)
      }
    },
    fail(reason) {
      failure ??= reason
      for (const { reject } of waiting.values()) reject(new TaskyardError('store_unavailable', { reason }))
      waiting.clear()
    },
  }
}

// Each field costs both threads: the time that was skipped, mostly none, is left out then.
function callMessage(id: number, operation: OperationName, params: unknown, time: StoreTime | null): CallMessage {
  if (time === null) return { kind: 'call', id, operation, params, now: null }
  const { now, skippedMs } = time
  if (skippedMs === 0) return { kind: 'call', id, operation, params, now }
  return { kind: 'call', id, operation, params, now, skippedMs }
}

/** The error as the thread threw it, but for its cause and its details, which do not cross threads. */
export function errorFromWire({ code, message, violations }: WireError): TaskyardError {
  return new TaskyardError(code, {}, { message, violations })
}
