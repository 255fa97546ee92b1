import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { type Clock, type GivenLease, givenFirst, type LeasedTask, type LeaseRef } from '@taskyard/core'
import type { Claim, Engine } from '@taskyard/engine'
import type { FastifyReply } from 'fastify'
import type { OpenAnswers } from './open-answers.ts'

/** A connection that is reset later has carried the answer: its client has read it and works. */
const FRESH_MS = 5000
/** A task that ends its worker at once may look like this too: it goes back so often, then its lease runs out. */
const MOST_RETURNS = 2
/** Tasks whose returns are counted at a time. */
const MOST_COUNTED = 10_000
/** Claims that may come again, of which it is remembered what they gave. */
const MOST_NAMES = 1000

/** What the client of a connection may not have read. */
interface Unread {
  /** What was asked for last on the connection by then. */
  readonly newest: ServerResponse | undefined
  readonly answers: readonly Answer[]
}

interface Answer {
  /** `null`: the claim cannot be made again. */
  readonly name: string | null
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
  /**
   * The answer is about to be written. Gives the tasks back when the client does not get it, as far as that can be seen.
   * Whoever makes the same claim again lives, and never had what it was given before: where that is over meanwhile, it is heard of.
   */
  sent(reply: FastifyReply, claim: Claim | undefined, tasks: readonly LeasedTask[]): Promise<void>
}

/**
 * A claim whose answer is lost has leased tasks to somebody who does not know. When the connection is reset (not closed in
 * order) soon after the answer was written, and before anything else was asked on it, the tasks go back.
 */
export function watchClaimAnswers(connections: OpenAnswers, engine: Engine, clock: Clock): ClaimAnswers {
  const unheard = new Map<Socket, Unread>()
  /** By the id of each task that was given: a task has one lease at a time. */
  const carriers = new Map<string, Socket>()
  /** What named claims were given, until somebody speaks of it. */
  const givenTo = new Map<string, readonly GivenLease[]>()
  const watched = new WeakSet<Socket>()
  const returns = new Map<string, number>()

  /** Its client has read them. */
  function read(socket: Socket): void {
    for (const { name } of forget(socket)?.answers ?? []) if (name !== null) givenTo.delete(name)
  }

  function forget(socket: Socket): Unread | undefined {
    const unread = unheard.get(socket)
    if (unread === undefined) return undefined
    unheard.delete(socket)
    for (const { leases } of unread.answers) {
      for (const { taskId } of leases) if (carriers.get(taskId) === socket) carriers.delete(taskId)
    }
    return unread
  }

  function watch(socket: Socket): void {
    if (watched.has(socket)) return
    watched.add(socket)
    socket.on('error', (error: Error & { code?: string }) => {
      const unread = forget(socket)
      const wasReset = error.code === 'ECONNRESET' || error.code === 'EPIPE'
      // Whoever asks for more on a connection has read what it carried before.
      if (unread === undefined || !wasReset || connections.get(socket)?.at(-1) !== unread.newest) return
      const fresh = unread.answers.filter(({ sentAt }) => clock.now() - sentAt <= FRESH_MS)
      void engine.giveBack(fresh.flatMap(({ leases }) => leases).filter(mayGoBack))
    })
    socket.once('close', () => forget(socket))
  }

  function mayGoBack({ taskId }: LeaseRef): boolean {
    const count = returns.get(taskId) ?? 0
    if (count >= MOST_RETURNS) return false
    returns.delete(taskId)
    returns.set(taskId, count + 1)
    const [oldest] = returns.keys()
    if (returns.size > MOST_COUNTED && oldest !== undefined) returns.delete(oldest)
    return true
  }

  function remember(name: string, leases: readonly GivenLease[]): void {
    givenTo.set(name, leases)
    const [oldest] = givenTo.keys()
    if (givenTo.size > MOST_NAMES && oldest !== undefined) givenTo.delete(oldest)
  }

  function hearOfLost(name: string, tasks: readonly LeasedTask[]): void {
    const before = givenTo.get(name)
    if (before === undefined) return
    const tokens = new Map(tasks.map(({ id, lease }) => [id, lease.token]))
    const lost = before.filter(({ taskId, token }) => tokens.get(taskId) !== token)
    if (lost.length === 0) return
    givenTo.delete(name)
    // What holds has been given again; of what is over this is a sign of life.
    engine.heartbeat(lost).catch(() => {})
  }

  return {
    heard(leases) {
      if (carriers.size === 0) return
      for (const { taskId } of leases) {
        const socket = carriers.get(taskId) ?? carriers.get(taskId.toLowerCase())
        if (socket !== undefined) read(socket)
      }
    },
    async sent(reply, claim, tasks) {
      const name = claim === undefined ? null : nameOf(claim)
      if (name !== null) hearOfLost(name, tasks)
      const leases = givenFirst(tasks)
      if (leases.length === 0) return
      if (reply.raw.destroyed) return engine.giveBack(leases)
      const { socket } = reply.request.raw
      watch(socket)
      const newest = connections.get(socket)?.at(-1)
      // Claims that were asked for one behind the other, before any was answered.
      const before = unheard.get(socket)
      const others = before?.newest === newest ? (before?.answers ?? []) : []
      read(socket)
      const answers = [...others, { name, leases, sentAt: clock.now() }]
      unheard.set(socket, { newest, answers })
      for (const answer of answers) if (answer.name !== null) remember(answer.name, answer.leases)
      for (const answer of answers) for (const { taskId } of answer.leases) carriers.set(taskId, socket)
    },
  }
}

/** What a claim and its repetitions have in common. */
function nameOf({ worker, requestId }: Claim): string | null {
  return requestId === undefined ? null : `${worker.workerId}\n${requestId}`
}
