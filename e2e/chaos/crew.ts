import { setTimeout as delay } from 'node:timers/promises'
import type { WorkerControl } from './worker-control.ts'

/** The remote workers that are running. */
export interface Crew {
  /**
   * Those that ask for tasks and that nothing is being done to; resolves when there are at least two. So one is left
   * for the tasks of the other, however slowly the machine brings up replacements.
   */
  well(): Promise<readonly WorkerControl[]>
  startOne(): Promise<WorkerControl>
  /** Sees the dead one off and starts another after a while. */
  replace(dead: WorkerControl, afterMs: number): Promise<void>
  /** Keeps a worker out of `well` while something is done to it. */
  rest(worker: WorkerControl, during: () => Promise<void>): void
  /** Resolves when all replacements and rests are over. */
  untilWell(): Promise<void>
  /** Stops them all in peace. */
  stop(): Promise<void>
}

export async function createCrew(
  size: number,
  start: (id: string, number: number) => Promise<WorkerControl>,
): Promise<Crew> {
  const workers = new Set<WorkerControl>()
  const resting = new Set<WorkerControl>()
  const pending = new Set<Promise<void>>()
  let started = 0

  async function startOne(): Promise<WorkerControl> {
    started += 1
    const worker = await start(`worker-${started}`, started)
    workers.add(worker)
    return worker
  }

  function keep(work: Promise<void>): Promise<void> {
    const tracked = work.finally(() => pending.delete(tracked))
    pending.add(tracked)
    return tracked
  }

  await Promise.all(Array.from({ length: size }, startOne))
  return {
    async well() {
      for (;;) {
        const well = [...workers].filter((worker) => worker.ready() && !resting.has(worker))
        if (well.length >= Math.min(2, size)) return well
        await delay(20)
      }
    },
    startOne,
    replace(dead, afterMs) {
      workers.delete(dead)
      return keep(
        dead.gone().then(async () => {
          if (workers.size >= size) return
          await delay(afterMs)
          await startOne()
        }),
      )
    },
    rest(worker, during) {
      resting.add(worker)
      void keep(during().finally(() => resting.delete(worker)))
    },
    async untilWell() {
      while (pending.size > 0) await Promise.all(pending)
    },
    async stop() {
      while (pending.size > 0) await Promise.all(pending)
      for (const worker of workers) worker.drain('random')
      await Promise.all([...workers].map((worker) => worker.gone()))
    },
  }
}
