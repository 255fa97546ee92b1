import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ContenderCounts, ContenderRef } from '../contenders/contender.ts'
import type { WorkerNews, WorkerOrder } from '../programs/contender-worker.ts'

const script = fileURLToPath(new URL('../programs/contender-worker.ts', import.meta.url))
const stuckAfterMs = 30_000
const longestEndMs = 10_000

export interface Drain {
  readonly contender: ContenderRef
  readonly processes: number
  readonly tasks: number
}

/**
 * Drains a filled store with worker processes, and returns tasks a second: from the word to start, given to processes
 * that are connected, until the store itself holds no unfinished task. Shutting down is not part of it.
 * @throws when a task was run twice or not at all, or when a store that keeps finished tasks does not hold them all
 */
export async function drain({ contender, processes, tasks }: Drain): Promise<number> {
  const workers = await Promise.all(Array.from({ length: processes }, () => startWorker(contender)))
  const failed = Promise.race(workers.map(({ failure }) => failure))
  try {
    const start = performance.now()
    for (const worker of workers) worker.order('work')
    await Promise.race([untilHandled(workers, tasks), failed])
    const counts = await Promise.race([untilSettled(workers[0] as Worker), failed])
    const perSecond = (tasks * 1000) / (performance.now() - start)
    assertAllKept(counts, tasks)
    return perSecond
  } finally {
    await Promise.all(workers.map((worker) => worker.end()))
  }
}

interface Worker {
  handled(): number
  order(order: 'work'): void
  count(): Promise<ContenderCounts>
  /** Rejects when the process ends before it was told to. */
  readonly failure: Promise<never>
  end(): Promise<void>
}

async function startWorker(contender: ContenderRef): Promise<Worker> {
  const child = fork(script, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const failure = once(child, 'exit').then(([code]) => Promise.reject(new Error(`a worker process ended with ${code}`)))
  failure.catch(() => {}) // It ends in the end; whoever waits for it races it.
  let handled = 0
  child.on('message', (news: WorkerNews) => {
    if (news.news === 'handled') handled = news.handled
  })
  const send = (order: WorkerOrder) => child.send(order)
  send({ order: 'open', contender })
  await Promise.race([newsOf(child, 'opened'), failure])
  return {
    handled: () => handled,
    order: (order) => send({ order }),
    async count() {
      send({ order: 'count' })
      return newsOf(child, 'counted')
    },
    failure,
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      send({ order: 'end' })
      const killer = setTimeout(() => child.kill('SIGKILL'), longestEndMs)
      await gone
      clearTimeout(killer)
    },
  }
}

async function newsOf<Kind extends WorkerNews['news']>(
  child: ChildProcess,
  kind: Kind,
): Promise<Extract<WorkerNews, { news: Kind }>> {
  for (;;) {
    const [news] = (await once(child, 'message')) as [WorkerNews]
    if (news.news === kind) return news as Extract<WorkerNews, { news: Kind }>
  }
}

async function untilHandled(workers: readonly Worker[], tasks: number): Promise<void> {
  let [last, since] = [0, performance.now()]
  for (;;) {
    const handled = workers.reduce((sum, worker) => sum + worker.handled(), 0)
    if (handled === tasks) return
    if (handled > tasks) throw new Error(`${tasks} tasks were submitted, ${handled} were run`)
    if (handled !== last) [last, since] = [handled, performance.now()]
    if (performance.now() - since > stuckAfterMs) throw new Error(`stuck at ${handled} of ${tasks} tasks`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

async function untilSettled(worker: Worker): Promise<ContenderCounts> {
  const giveUpAt = performance.now() + stuckAfterMs
  for (;;) {
    const counts = await worker.count()
    if (counts.unfinished === 0) return counts
    if (performance.now() > giveUpAt) throw new Error(`${counts.unfinished} tasks were run and never settled`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

function assertAllKept({ kept }: ContenderCounts, tasks: number): void {
  if (kept !== null && kept !== tasks) throw new Error(`${tasks} tasks were run, the store keeps ${kept}`)
}
