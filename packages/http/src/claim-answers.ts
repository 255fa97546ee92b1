import type { Socket } from 'node:net'
import type { Clock, LeasedTask, LeaseRef } from '@taskyard/core'
import type { Claim, Engine } from '@taskyard/engine'
import type { FastifyInstance, FastifyReply } from 'fastify'

/** A connection that is reset later has carried the answer: its client has read it and works. */
const FRESH_MS = 5000
/** A task that ends its worker at once may look like this too: it goes back so often, then its lease runs out. */
const MOST_RETURNS = 2
/** Tasks whose returns are counted at a time. */
const MOST_COUNTED = 10_000

interface Answer {
  readonly claim: Claim
  readonly leases: readonly LeaseRef[]
  readonly sentAt: number
}

/** Answers of claims that may get lost with their connection. */
export interface ClaimAnswers {
  /** The claim is being made: an earlier answer of the same request is nobody's any more. */
  asked(claim: Claim): void
  /** Somebody holds these leases, whatever connection told him: they are not given back. */
  heard(leases: readonly LeaseRef[]): void
  /** The answer is about to be written. Gives the tasks back when the client does not get it, as far as that can be seen. */
  sent(reply: FastifyReply, claim: Claim, tasks: readonly LeasedTask[]): Promise<void>
}

/**
 * A claim whose answer is lost has leased tasks to somebody who does not know. When the connection is reset (not closed in
 * order) soon after the answer was written, and before anything else was asked on it, the tasks go back.
 */
export function watchClaimAnswers(server: FastifyInstance, engine: Engine, clock: Clock): ClaimAnswers {
  const unheard = new Map<Socket, Answer>()
  const byRequest = new Map<string, Socket>()
  const watched = new WeakSet<Socket>()
  const returns = new Map<string, number>()
  let heardLately = new Set<string>()
  let heardBefore = new Set<string>()
  let heardSince = Number.NEGATIVE_INFINITY

  // Whoever asks for more on a connection has read what it carried before.
  server.addHook('onRequest', (request, _reply, done) => {
    if (unheard.size > 0) forget(request.raw.socket)
    done()
  })

  function forget(socket: Socket): Answer | undefined {
    const answer = unheard.get(socket)
    if (answer === undefined) return undefined
    unheard.delete(socket)
    const name = requestName(answer.claim)
    if (name !== null && byRequest.get(name) === socket) byRequest.delete(name)
    return answer
  }

  function watch(socket: Socket): void {
    if (watched.has(socket)) return
    watched.add(socket)
    socket.on('error', (error: Error & { code?: string }) => {
      const answer = forget(socket)
      const wasReset = error.code === 'ECONNRESET' || error.code === 'EPIPE'
      if (answer !== undefined && wasReset && clock.now() - answer.sentAt <= FRESH_MS) void giveBack(answer)
    })
    socket.once('close', () => forget(socket))
  }

  function giveBack({ claim, leases }: Answer): Promise<void> {
    const unheardOf = leases.filter((lease) => !heardLately.has(keyOf(lease)) && !heardBefore.has(keyOf(lease)))
    return engine.giveBack(claim, unheardOf.filter(mayGoBack))
  }

  /** What was heard is remembered for once to twice as long as an answer is fresh. */
  function heard(leases: readonly LeaseRef[]): void {
    if (clock.now() - heardSince > FRESH_MS) {
      heardBefore = heardLately
      heardLately = new Set()
      heardSince = clock.now()
    }
    for (const lease of leases) heardLately.add(keyOf(lease))
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

  return {
    heard,
    asked(claim) {
      const socket = byRequest.get(requestName(claim) ?? '')
      if (socket !== undefined) forget(socket)
    },
    async sent(reply, claim, tasks) {
      if (tasks.length === 0) return
      const leases = tasks.map(({ id, lease }) => ({ taskId: id, token: lease.token }))
      if (reply.raw.destroyed) return engine.giveBack(claim, leases)
      const { socket } = reply.request.raw
      watch(socket)
      forget(socket)
      unheard.set(socket, { claim, leases, sentAt: clock.now() })
      const name = requestName(claim)
      if (name !== null) byRequest.set(name, socket)
    },
  }
}

function keyOf({ taskId, token }: LeaseRef): string {
  return `${taskId.toLowerCase()} ${token}`
}

function requestName({ namespace = '', worker, requestId }: Claim): string | null {
  return requestId === undefined ? null : `${namespace} ${worker.workerId} ${requestId}`
}
