import { Client } from '@taskyard/client'
import type { TaskContext, TaskHandler } from '@taskyard/core'
import type { TaskAborted } from '@taskyard/worker'

// A worker in a process of its own: `worker-process.ts URL LEASE_SECONDS`. It holds its tasks until they are aborted, tells of each by
// message, and ends when the process that started it goes away.
export type WorkerMessage =
  | { readonly kind: 'started'; readonly id: string }
  | { readonly kind: 'aborted'; readonly id: string; readonly code: string }

const tell = (message: WorkerMessage) => process.send?.(message)
const hold: TaskHandler = ({ id }, { signal }: TaskContext) => {
  tell({ kind: 'started', id })
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => {
      tell({ kind: 'aborted', id, code: (signal.reason as TaskAborted).code })
      reject(signal.reason)
    })
  })
}
const [url, leaseSeconds] = process.argv.slice(2) as [string, string]
const client = new Client({ url })
client.work(
  { hold },
  { workerId: 'always-the-same', leaseSeconds: Number(leaseSeconds), drainSeconds: 0, onError: () => {} },
)
process.once('disconnect', () => process.exit())
