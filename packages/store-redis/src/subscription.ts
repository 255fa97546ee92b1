import type { Clock } from '@taskyard/core'
import type { Client } from './connection.ts'

/** A connection that carries nothing shows its end only when asked. */
const PING_MS = 2_000

export interface Subscription {
  close(): void
}

/**
 * Keeps the client subscribed to the channels, over every reconnection.
 * @param onAgain the subscription stands again after a break: messages may have been missed
 */
export async function keepSubscribed(
  client: Client,
  clock: Clock,
  channels: Readonly<Record<string, (message: string) => void>>,
  onAgain: () => void,
): Promise<Subscription> {
  let closed = false
  let cancelPing = () => {}

  client.on('message', (channel: string, message: string) => channels[channel]?.(message))
  try {
    await client.subscribe(...Object.keys(channels))
  } catch (error) {
    client.disconnect()
    throw error
  }
  client.on('ready', () => {
    // Broken before the answer, or refused: either way another connection is to try it.
    client.subscribe(...Object.keys(channels)).then(onAgain, () => client.disconnect(true))
  })

  // The client breaks the connection when the answer is overdue, and then connects anew.
  function pingLater(): void {
    cancelPing = clock.after(PING_MS, () => {
      client.ping().catch(() => {})
      if (!closed) pingLater()
    })
  }
  pingLater()

  return {
    close() {
      closed = true
      cancelPing()
      client.disconnect()
    },
  }
}
