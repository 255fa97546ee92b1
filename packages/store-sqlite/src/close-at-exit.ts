import type { Worker } from 'node:worker_threads'
import type { ThreadCalls } from './thread-calls.ts'
import { leaveEmptyLog } from './write-ahead-log.ts'

/** Whatever ends the process in order, `process.exit()` too, waits for its last transactions this long. */
const EXIT_MS = 3000

/** A file that is open, and the thread that has it. */
export interface Closing {
  readonly calls: Pick<ThreadCalls, 'stop'>
  /** Its first number is 1 once the thread has closed the file. */
  readonly closed: Int32Array
  readonly file: string
}

/** Those that are open in this process: however many, they have one listener. */
const open = new Set<Closing>()

/**
 * Where a thread ends without a word, SQLite closes the file and takes the log away, while the file goes on asking for it: so
 * nobody leaves without closing it, and where the thread itself was lost, a log stays. What is in memory alone needs none of it.
 */
export function closeAtExit(worker: Worker, closing: Closing): void {
  if (open.size === 0) process.on('exit', closeAll)
  open.add(closing)
  worker.once('exit', () => {
    open.delete(closing)
    if (open.size === 0) process.off('exit', closeAll)
    if (closing.closed[0] !== 1) leaveEmptyLog(closing.file)
  })
}

/** All at the same time, so that it takes no longer than one. */
function closeAll(): void {
  const endAt = performance.now() + EXIT_MS
  for (const { calls } of open) void calls.stop().catch(() => {})
  for (const { closed } of open) Atomics.wait(closed, 0, 0, Math.max(0, endAt - performance.now()))
}
