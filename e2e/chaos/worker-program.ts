import { Client } from '@taskyard/client'
import { TaskFailure } from '@taskyard/core'
import { monotonicMs, openHistory } from './history.ts'
import { REMOTE_QUEUE, REMOTE_TYPE, type Work } from './options.ts'

// One remote worker. Writes every handler start to its history before it does anything else, and tells its parent of
// it, who may kill it there and then.

interface Settings {
  readonly url: string
  readonly workerId: string
  readonly history: string
  readonly leaseSeconds: number
}

const { url, workerId, history, leaseSeconds } = JSON.parse(process.argv[2] as string) as Settings
const { write } = openHistory(history)
const client = new Client({ url })

const worker = client.work(
  {
    [REMOTE_TYPE]: async (task, context) => {
      const work = task.payload as Work
      const { id, attempt } = task
      const { token, signal } = context
      write({ e: 'start', at: monotonicMs(), worker: workerId, id, token, attempt, key: work.key })
      process.send?.('handler-started')
      context.progress({ token })
      context.log(`token ${token}`)
      await pause(work.ms, signal)
      if (work.doomed) throw new TaskFailure('doomed', { code: 'doomed', retryable: false })
      if (attempt <= work.failures) throw new TaskFailure('not yet', { code: 'not_yet', retryDelaySeconds: 0.1 })
      return { token }
    },
  },
  { workerId, leaseSeconds, queues: [REMOTE_QUEUE], concurrency: 8, prefetch: 2, drainSeconds: 5, onError: () => {} },
)

process.once('SIGTERM', async () => {
  await worker.stop()
  await client.close()
  process.exit(0)
})
// A worker without its parent has no reason to go on.
process.once('disconnect', () => process.exit(1))

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason)
    })
  })
}
