import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { type Clock, type GivenLease, givenFirst, type LeasedTask, type LeaseRef } from '@taskyard/core'
import type { Claim, UseCases } from '@taskyard/engine'
import type { FastifyReply } from 'fastify'
import { createNamedClaims, nameOf } from './named-claims.ts'
import type { OpenAnswers } from './open-answers.ts'

/** A connection that is reset later has carried the answer: its client has read it and works. */
const FRESH_MS = 5000
/** A task that ends its worker at once may look like this too: it goes back so often, then its lease runs out. */
const MOST_RETURNS = 2
/** Tasks whose returns are counted at a time. */
const MOST_COUNTED = 10_000

/** What the client of a connection may not have read. */
interface Unread {
  /** What was asked for last on the connection by then. */
  readonly newest: ServerResponse | undefined
  readonly answers: readonly Answer[]
}

interface Answer {
  /** Of its claim. */
  readonly calls: UseCases
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
  acknowledged(calls: UseCases, leases: readonly LeaseRef[]): void
  /**
   * The answer is about to be written. Gives the tasks back when the client does not get it, as far as that can be seen.
   * Whoever makes the same claim again lives, and never had what it was given before: where that is over meanwhile, it is heard of.
   */
  sent(reply: FastifyReply, calls: UseCases, claim: Claim | undefined, tasks: readonly LeasedTask[]): Promise<void>
}

/**
 * A claim whose answer is lost has leased tasks to somebody who does not know. When the connection is reset (not closed in
 * order) soon after the answer was written, and before anything else was asked on it, the tasks go back.
 */
export function watchClaimAnswers(connections: OpenAnswers, clock: Clock): ClaimAnswers {
  return new WatchedAnswers(connections, clock)
}

class WatchedAnswers implements ClaimAnswers {
  readonly #connections: OpenAnswers
  readonly #clock: Clock
  readonly #unread = new Map<Socket, Unread>()
  /** By the namespace and id of each task that was given: a task has one lease at a time. */
  readonly #carriers = new Map<string, Socket>()
  readonly #named = createNamedClaims()
  readonly #watched = new WeakSet<Socket>()
  readonly #mayGoBack = createReturnLimit()

  constructor(connections: OpenAnswers, clock: Clock) {
    this.#connections = connections
    this.#clock = clock
  }

  acknowledged({ namespace }: UseCases, leases: readonly LeaseRef[]): void {
    if (this.#carriers.size === 0) return
    for (const { taskId } of leases) {
      const socket = this.#carriers.get(`${namespace}/${taskId.toLowerCase()}`)
      if (socket !== undefined) this.#noteRead(socket)
    }
  }

  async sent(
    reply: FastifyReply,
    calls: UseCases,
    claim: Claim | undefined,
    tasks: readonly LeasedTask[],
  ): Promise<void> {
    const name = nameOf(calls, claim)
    const lost = this.#named.takeLost(name, tasks)
    if (lost.length > 0) calls.heartbeat(lost).catch(() => {})
    const leases = givenFirst(tasks)
    if (leases.length === 0) return
    if (reply.raw.destroyed) return calls.giveBack(leases)
    this.#carry(reply.request.raw.socket, { calls, name, leases, sentAt: this.#clock.now() })
  }

  #carry(socket: Socket, answer: Answer): void {
    this.#watch(socket)
    const newest = this.#connections.get(socket)?.at(-1)
    // Claims that were asked for one behind the other, before any was answered.
    const before = this.#unread.get(socket)
    const answers = [...(before?.newest === newest ? (before?.answers ?? []) : []), answer]
    this.#noteRead(socket)
    this.#unread.set(socket, { newest, answers })
    for (const { calls, name, leases } of answers) {
      this.#named.noteGiven(name, leases)
      for (const { taskId } of leases) this.#carriers.set(`${calls.namespace}/${taskId}`, socket)
    }
  }

  #watch(socket: Socket): void {
    if (this.#watched.has(socket)) return
    this.#watched.add(socket)
    socket.on('error', (error: Error & { code?: string }) => {
      const unread = this.#forget(socket)
      const wasReset = error.code === 'ECONNRESET' || error.code === 'EPIPE'
      // Whoever asks for more on a connection has read what it carried before.
      if (unread === undefined || !wasReset || this.#connections.get(socket)?.at(-1) !== unread.newest) return
      const fresh = unread.answers.filter(({ sentAt }) => this.#clock.now() - sentAt <= FRESH_MS)
      for (const { calls, leases } of fresh) void calls.giveBack(leases.filter(this.#mayGoBack))
    })
    socket.once('close', () => this.#forget(socket))
  }

  /** Its client has read what it carried. */
  #noteRead(socket: Socket): void {
    for (const { name } of this.#forget(socket)?.answers ?? []) this.#named.noteRead(name)
  }

  #forget(socket: Socket): Unread | undefined {
    const unread = this.#unread.get(socket)
    if (unread === undefined) return undefined
    this.#unread.delete(socket)
    for (const { calls, leases } of unread.answers) {
      for (const { taskId } of leases) {
        const key = `${calls.namespace}/${taskId}`
        if (this.#carriers.get(key) === socket) this.#carriers.delete(key)
      }
    }
    return unread
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
