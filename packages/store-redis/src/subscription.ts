import type { Clock } from '@taskyard/core'
import { Cluster } from 'ioredis'
import { type Client, SILENCE_MS } from './connection.ts'

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
  let cancelTimer = () => {}

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

  function askLater(): void {
    cancelTimer = clock.after(PING_MS, () => {
      if (client instanceof Cluster) return askCluster(client)
      // The client breaks the connection when the answer is overdue, and then connects anew.
      client.ping().catch(() => {})
      askLater()
    })
  }

  // A cluster's client subscribes over a connection of its own, whose silence it does not notice, and sends nothing else there.
  function askCluster(cluster: Cluster): void {
    if (cluster.status !== 'ready') return askLater()
    const { promise: isSilent, resolve } = Promise.withResolvers<boolean>()
    cancelTimer = clock.after(SILENCE_MS, () => resolve(true))
    const answered = () => resolve(false)
    cluster.subscribe(...Object.keys(channels)).then(answered, answered)
    isSilent.then((isDead) => {
      cancelTimer()
      if (closed) return
      if (isDead) cluster.disconnect(true)
      askLater()
    })
  }
  askLater()

  return {
    close() {
      closed = true
      cancelTimer()
      client.disconnect()
    },
  }
}
