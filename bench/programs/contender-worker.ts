import { type ContenderRef, openContender } from '../contenders/contender.ts'

// One of the worker processes of a drain. It does what its parent says, and tells how many tasks it has run.

export type WorkerOrder = { readonly order: 'open'; readonly contender: ContenderRef } | { readonly order: SimpleOrder }
export type SimpleOrder = 'work' | 'count' | 'end'
export type WorkerNews =
  | { readonly news: 'opened' }
  | { readonly news: 'handled'; readonly handled: number }
  | { readonly news: 'counted'; readonly unfinished: number; readonly kept: number | null }

let contender: Awaited<ReturnType<typeof openContender>>
let worker: { stop(): Promise<unknown> } | null = null
let handled = 0
let reporting = false

process.on('message', (order: WorkerOrder) => void execute(order))
process.once('disconnect', () => process.exit(1))

async function execute(order: WorkerOrder): Promise<void> {
  switch (order.order) {
    case 'open':
      contender = await openContender(order.contender)
      return tell({ news: 'opened' })
    case 'work':
      worker = await contender.work(() => {
        handled += 1
        reportSoon()
        return { ok: true }
      })
      return
    case 'count':
      return tell({ news: 'counted', ...(await contender.counts()) })
    case 'end':
      await worker?.stop()
      await contender.close()
      process.exit(0)
  }
}

/** At most one message in 5 ms: the parent is not to be kept busy. */
function reportSoon(): void {
  if (reporting) return
  reporting = true
  setTimeout(() => {
    reporting = false
    tell({ news: 'handled', handled })
  }, 5)
}

function tell(news: WorkerNews): void {
  process.send?.(news)
}
