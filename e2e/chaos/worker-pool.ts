import { setTimeout as delay } from 'node:timers/promises'
import type { WorkerControl } from './worker-control.ts'

/** The remote workers that are running. */
export interface WorkerPool {
  /**
   * Those that ask for tasks and that nothing is being done to; resolves when there are at least two. So one is left
   * for the tasks of the other, however slowly the machine brings up replacements.
   */
  healthy(): Promise<readonly WorkerControl[]>
  startOne(): Promise<WorkerControl>
  /** Waits until the dead one is gone and, after a while, starts another. */
  replace(dead: WorkerControl, afterMs: number): Promise<void>
  /** Keeps a worker out of `healthy` while something is done to it. */
  exclude(worker: WorkerControl, during: () => Promise<void>): void
  /** Resolves when all replacements are started and no worker is excluded. */
  untilHealthy(): Promise<void>
  /** Drains them all; resolves when they are gone. */
  stop(): Promise<void>
}

export async function createWorkerPool(
  size: number,
  start: (id: string, number: number) => Promise<WorkerControl>,
): Promise<WorkerPool> {
  const workers = new Set<WorkerControl>()
  const excluded = new Set<WorkerControl>()
  const pending = new Set<Promise<void>>()
  let started = 0

  async function startOne(): Promise<WorkerControl> {
    started += 1
    const worker = await start(`worker-${started}`, started)
    workers.add(worker)
    return worker
  }

  function track(work: Promise<void>): Promise<void> {
    const tracked = work.finally(() => pending.delete(tracked))
    pending.add(tracked)
    return tracked
  }

  await Promise.all(Array.from({ length: size }, startOne))
  return {
    async healthy() {
      for (;;) {
        const healthy = [...workers].filter((worker) => worker.ready() && !excluded.has(worker))
        if (healthy.length >= Math.min(2, size)) return healthy
        await delay(20)
      }
    },
    startOne,
    replace(dead, afterMs) {
      workers.delete(dead)
      return track(
        dead.gone().then(async () => {
          if (workers.size >= size) return
          await delay(afterMs)
          await startOne()
        }),
      )
    },
    exclude(worker, during) {
      excluded.add(worker)
      void track(during().finally(() => excluded.delete(worker)))
    },
    async untilHealthy() {
      while (pending.size > 0) await Promise.all(pending)
    },
    async stop() {
      while (pending.size > 0) await Promise.all(pending)
      for (const worker of workers) worker.drain('random')
      await Promise.all([...workers].map((worker) => worker.gone()))
    },
  }
}
