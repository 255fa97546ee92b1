import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '@taskyard/core'
import type { OpenAnswers } from './open-answers.ts'

const LOOK_MS = 1000
/** Not less than an event stream gives its client. */
const STALLED_MS = 60_000

interface Reader {
  readonly socket: Socket
  readonly unreadBytes: number
  readonly sentBytes: number
  /** When it was first seen to have got so far. */
  readonly since: number
}

/**
 * Ends connections whose clients do not read. One that takes nothing for a minute is cut off. When more than `mostBytes`
 * wait on all of them together those go that have taken nothing for longest, and of these the largest first. One timer looks at
 * all connections, as long as there are any. The returned function is to be told the length of each large answer: many
 * may be made before the timer has its turn.
 */
export function boundUnreadAnswers(
  server: Server,
  connections: OpenAnswers,
  clock: Clock,
  mostBytes: number,
): (bytes: number) => void {
  let readers: ReadonlyMap<Socket, Reader> = new Map()
  let newBytes = 0
  let isTimed = false
  server.on('connection', lookSoon)
  return (bytes) => {
    newBytes += bytes
    if (newBytes > mostBytes / 8) look()
  }

  function lookSoon(): void {
    if (isTimed) return
    isTimed = true
    clock.after(LOOK_MS, () => {
      isTimed = false
      if (connections.size > 0) lookSoon()
      look()
    })
  }

  function look(): void {
    newBytes = 0
    readers = readersAmong(connections, readers, clock.now())
    const stalledAt = clock.now() - STALLED_MS
    let unreadBytes = 0
    for (const reader of readers.values()) {
      if (reader.since <= stalledAt) reader.socket.destroy()
      else unreadBytes += reader.unreadBytes
    }
    if (unreadBytes > mostBytes) cutOff(unreadBytes - mostBytes)
  }

  function cutOff(excessBytes: number): void {
    const alive = [...readers.values()].filter(({ socket }) => !socket.destroyed)
    alive.sort((a, b) => a.since - b.since || b.unreadBytes - a.unreadBytes)
    for (let excess = excessBytes; excess > 0; ) {
      const reader = alive.shift() as Reader
      reader.socket.destroy()
      excess -= reader.unreadBytes
    }
  }
}

/** Who has something to read, and since when no more of it has been sent. */
function readersAmong(connections: OpenAnswers, before: ReadonlyMap<Socket, Reader>, now: number): Map<Socket, Reader> {
  const readers = new Map<Socket, Reader>()
  for (const [socket, answers] of connections) {
    const unreadBytes = socket.destroyed ? 0 : bytesIn(answers)
    if (unreadBytes === 0) continue
    const sent = sentBytes(socket)
    // What waits for an answer before it that is not there yet is not the client's fault.
    const isStalled = socket.writableLength > 0 && before.get(socket)?.sentBytes === sent
    const since = isStalled ? (before.get(socket) as Reader).since : now
    readers.set(socket, { socket, unreadBytes, sentBytes: sent, since })
  }
  return readers
}

function bytesIn(answers: readonly ServerResponse[]): number {
  let bytes = 0
  for (const answer of answers) bytes += answer.writableLength
  return bytes
}

/**
 * How much the operating system has taken. `bytesWritten` of a socket counts what it was given to write, so that of a long
 * answer no progress could be seen until the end; Node's own time limit of a socket looks at its handle for this, too.
 */
export function sentBytes(socket: Socket): number {
  const { _handle: handle } = socket as { _handle?: { bytesWritten: number; writeQueueSize: number } | null }
  return handle ? handle.bytesWritten - handle.writeQueueSize : 0
}
