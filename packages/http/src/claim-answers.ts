import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { type Clock, type GivenLease, givenFirst, type LeasedTask, type LeaseRef } from '@taskyard/core'
import type { Engine } from '@taskyard/engine'
import type { FastifyReply } from 'fastify'
import type { OpenAnswers } from './open-answers.ts'

/** A connection that is reset later has carried the answer: its client has read it and works. */
const FRESH_MS = 5000
/** A task that ends its worker at once may look like this too: it goes back so often, then its lease runs out. */
const MOST_RETURNS = 2
/** Tasks whose returns are counted at a time. */
const MOST_COUNTED = 10_000

interface Answer {
  /** What was asked for last on the connection by then. */
  readonly newest: ServerResponse | undefined
  readonly leases: readonly GivenLease[]
  readonly sentAt: number
}

/** Answers of claims that may get lost with their connection. */
export interface ClaimAnswers {
  /**
   * Somebody speaks of these leases: he has read the answers that gave them, whatever connection told him, and they are not
   * given back.
   */
  heard(leases: readonly LeaseRef[]): void
  /** The answer is about to be written. Gives the tasks back when the client does not get it, as far as that can be seen. */
  sent(reply: FastifyReply, tasks: readonly LeasedTask[]): Promise<void>
}

/**
 * A claim whose answer is lost has leased tasks to somebody who does not know. When the connection is reset (not closed in
 * order) soon after the answer was written, and before anything else was asked on it, the tasks go back.
 */
export function watchClaimAnswers(connections: OpenAnswers, engine: Engine, clock: Clock): ClaimAnswers {
  const unheard = new Map<Socket, Answer>()
  /** By the id of each task that was given: a task has one lease at a time. */
  const carriers = new Map<string, Socket>()
  const watched = new WeakSet<Socket>()
  const mayGoBack = createReturnLimit()

  function forget(socket: Socket): Answer | undefined {
    const answer = unheard.get(socket)
    if (answer === undefined) return undefined
    unheard.delete(socket)
    for (const { taskId } of answer.leases) if (carriers.get(taskId) === socket) carriers.delete(taskId)
    return answer
  }

  function watch(socket: Socket): void {
    if (watched.has(socket)) return
    watched.add(socket)
    socket.on('error', (error: Error & { code?: string }) => {
      const answer = forget(socket)
      const wasReset = error.code === 'ECONNRESET' || error.code === 'EPIPE'
      if (answer === undefined || !wasReset || clock.now() - answer.sentAt > FRESH_MS) return
      // Whoever asks for more on a connection has read what it carried before.
      if (connections.get(socket)?.at(-1) !== answer.newest) return
      void engine.giveBack(answer.leases.filter(mayGoBack))
    })
    socket.once('close', () => forget(socket))
  }

  return {
    heard(leases) {
      if (carriers.size === 0) return
      for (const { taskId } of leases) {
        const socket = carriers.get(taskId) ?? carriers.get(taskId.toLowerCase())
        if (socket !== undefined) forget(socket)
      }
    },
    async sent(reply, tasks) {
      const leases = givenFirst(tasks)
      if (leases.length === 0) return
      if (reply.raw.destroyed) return engine.giveBack(leases)
      const { socket } = reply.request.raw
      watch(socket)
      const newest = connections.get(socket)?.at(-1)
      const before = forget(socket)
      // Claims that were asked for one behind the other, before any was answered.
      const unread = before?.newest === newest ? [...(before?.leases ?? []), ...leases] : leases
      unheard.set(socket, { newest, leases: unread, sentAt: clock.now() })
      for (const { taskId } of unread) carriers.set(taskId, socket)
    },
  }
}

/** Whether a task may go back once more. */
function createReturnLimit(): (lease: LeaseRef) => boolean {
  const returns = new Map<string, number>()
  return ({ taskId }) => {
    const count = returns.get(taskId) ?? 0
    if (count >= MOST_RETURNS) return false
    returns.delete(taskId)
    returns.set(taskId, count + 1)
    const [oldest] = returns.keys()
    if (returns.size > MOST_COUNTED && oldest !== undefined) returns.delete(oldest)
    return true
  }
}
