import type { Clock } from '@taskyard/core'
import type { MongoClient } from 'mongodb'

/** A check of a server that is not known to live takes no longer, unless nobody will ever answer it. Milliseconds. */
const STUCK_MS = 1_500
/** Between two tries to connect again, and the longest pause they grow to while the server is away. */
const PAUSE_MS = 250
const LONGEST_PAUSE_MS = 2_000

/**
 * Connects a client again whose view of a server is stuck. The driver finds out that a server is back by a heartbeat; one
 * that it writes to a connection in the very moment it breaks is never answered and never given up (driver 7.9), and from
 * then on every call fails, however well the server is. So a server that is unknown and under a check for too long makes
 * the client begin anew.
 * @returns stops it
 */
export function watchHeartbeats(client: MongoClient, clock: Clock, monotonic: () => number): () => void {
  const checkedSince = new Map<string, number>()
  const unknown = new Set<string>()
  let cancel: (() => void) | null = null
  let isReconnecting = false
  let stopped = false

  const endCheck = ({ connectionId }: { connectionId: string }) => void checkedSince.delete(connectionId)
  client.on('serverHeartbeatStarted', ({ connectionId }) => void checkedSince.set(connectionId, monotonic()))
  client.on('serverHeartbeatSucceeded', endCheck)
  client.on('serverHeartbeatFailed', endCheck)
  client.on('serverDescriptionChanged', ({ address, newDescription }) => {
    if (newDescription.type !== 'Unknown') unknown.delete(address)
    else {
      unknown.add(address)
      plan()
    }
  })
  client.on('serverClosed', ({ address }) => {
    unknown.delete(address)
    checkedSince.delete(address)
  })

  function plan(): void {
    if (!stopped && cancel === null && !isReconnecting) cancel = clock.after(STUCK_MS, look)
  }

  function look(): void {
    cancel = null
    if (stopped || unknown.size === 0) return
    if ([...unknown].some(isStuck)) void reconnect()
    else plan()
  }

  function isStuck(address: string): boolean {
    const since = checkedSince.get(address)
    return since !== undefined && monotonic() - since >= STUCK_MS
  }

  async function reconnect(): Promise<void> {
    isReconnecting = true
    await client.close().catch(() => {})
    for (let pause = PAUSE_MS; !stopped; pause = Math.min(LONGEST_PAUSE_MS, pause * 2)) {
      try {
        await client.connect()
        break
      } catch {
        await new Promise<void>((resolve) => void clock.after(pause, resolve))
      }
    }
    isReconnecting = false
    // Its end came while it was connecting.
    if (stopped) await client.close().catch(() => {})
  }

  return () => {
    stopped = true
    cancel?.()
  }
}
