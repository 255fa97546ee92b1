import { setTimeout as delay } from 'node:timers/promises'
import { benchQueue } from './payload.ts'

export type QueueCounts = Readonly<Record<string, number>>

/** What a Taskyard server says its bench queue holds, by status. */
export async function queueCounts(url: string): Promise<QueueCounts> {
  const answer = await fetch(`${url}/api/v1/queues/${benchQueue}`)
  if (!answer.ok) throw new Error(`GET queue answered ${answer.status}: ${await answer.text()}`)
  const { counts } = (await answer.json()) as { counts: QueueCounts }
  return counts
}

/** Fails unless the queue holds exactly as many waiting tasks as were acknowledged. */
export async function assertQueued(url: string, acknowledged: number): Promise<void> {
  const { queued } = await queueCounts(url)
  if (queued !== acknowledged) throw new Error(`${acknowledged} tasks were acknowledged, the server holds ${queued}`)
}

/** Resolves when this many tasks have succeeded; rejects when nothing moves for 30 s. */
export async function untilSucceeded(url: string, tasks: number): Promise<void> {
  let [last, since] = [-1, performance.now()]
  for (;;) {
    const { succeeded = 0 } = await queueCounts(url)
    if (succeeded === tasks) return
    if (succeeded > tasks) throw new Error(`${succeeded} tasks succeeded, only ${tasks} were submitted`)
    if (succeeded !== last) [last, since] = [succeeded, performance.now()]
    if (performance.now() - since > 30_000) throw new Error(`stuck at ${succeeded} of ${tasks} tasks`)
    await delay(20)
  }
}
