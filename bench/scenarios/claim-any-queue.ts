import type { ClaimParams, LeasedTask, OpenedStore } from '@taskyard/core'
import { quantiles } from '../load/call-rate.ts'
import { openStore } from '../load/open-store.ts'
import { newTaskMaker, succeeded } from '../load/tasks.ts'
import { withStore } from '../processes/with-store.ts'
import type { Figure, RunContext, Scenario } from '../scenario.ts'

const defaults = { tasks: 20_000, store: 'sqlite' }
const TYPE = 'handled'
const CLAIMS = 200
const FILL_BATCH = 1000
/** A claim of every queue may cost so many of a named one. */
const AT_MOST = 5

export const claimAnyQueue: Scenario = {
  name: 'claim-any-queue',
  summary: 'claims of every queue among many queues, beside claims of one by its name',
  settings(options) {
    const { tasks: queues, store } = { ...defaults, ...options }
    return [
      `a store on ${store} with ${queues.toLocaleString('en-US')} queues, a task of one type in each, and one more queue with ${2 * CLAIMS} tasks`,
      `${CLAIMS} claims of each kind, one after the other through the store's port; each task is settled before the next claim`,
      '`idle`: all tasks are done, and their queues are known still',
    ]
  },
  run: (context) => withStore(context, { ...defaults, ...context.options }.store, (url) => measure(context, url)),
}

async function measure({ options, tell }: RunContext, url: string): Promise<readonly Figure[]> {
  const { tasks: queues } = { ...defaults, ...options }
  const store = await openStore(url)
  try {
    await fill(store, queues)
    const first = await timed(store, { limit: 1 }, 1)
    const named = await timed(store, { queues: ['busy'], limit: 1 })
    const figures = [
      ...figuresOf('one named queue', named),
      { name: 'every queue, first claim of all', unit: 'ms', value: first.maxMs } as const,
      ...figuresOf('every queue', await timed(store, { limit: 1 }), named),
      ...figuresOf('every queue, any type', await timed(store, { types: null, limit: 1 }), named),
      ...figuresOf('every queue, a type that none has', await timed(store, { types: ['none'], limit: 1 }), named),
      ...figuresOf('every queue, 100 tasks', await timed(store, { limit: 100 }, Math.floor(queues / 400))),
    ]
    await drain(store)
    figures.push(...figuresOf('every queue, idle', await timed(store, { limit: 1 }), named))
    for (const { name, unit, value } of figures) tell(`${name}: ${value.toFixed(2)} ${unit}`)
    return figures
  } finally {
    await store.lifecycle.close()
  }
}

async function fill(store: OpenedStore, queues: number): Promise<void> {
  const newTask = newTaskMaker(Date.now)
  const names = [...Array.from({ length: queues }, (_, n) => `queue-${n}`), ...new Array(2 * CLAIMS).fill('busy')]
  for (let at = 0; at < names.length; at += FILL_BATCH) {
    const tasks = names.slice(at, at + FILL_BATCH).map((queue) => newTask({ queue, type: TYPE }))
    await store.tasks.enqueue({ submissions: [{ tasks }], queueDepth: 1e9 })
  }
}

type Wanted = Partial<ClaimParams> & Pick<ClaimParams, 'limit'>

async function timed(store: OpenedStore, wanted: Wanted, claims = CLAIMS) {
  const times: number[] = []
  for (let n = 0; n < claims; n++) {
    const start = performance.now()
    const tasks = await claim(store, wanted)
    times.push(performance.now() - start)
    await settle(store, tasks)
  }
  return quantiles(times)
}

async function drain(store: OpenedStore): Promise<void> {
  for (;;) {
    const tasks = await claim(store, { limit: 1000 })
    if (tasks.length === 0) return
    await settle(store, tasks)
  }
}

function claim(store: OpenedStore, wanted: Wanted): Promise<readonly LeasedTask[]> {
  const worker = { workerId: 'bench', nodeId: null, session: false }
  const every = { namespace: 'default', queues: null, types: [TYPE], leaseMs: 60_000, worker, requestId: null }
  return store.tasks.claim({ ...every, ...wanted })
}

async function settle(store: OpenedStore, tasks: readonly LeasedTask[]): Promise<void> {
  if (tasks.length === 0) return
  await store.tasks.settle({ namespace: 'default', settlements: tasks.map(succeeded), claim: null })
}

type Times = ReturnType<typeof quantiles>

function figuresOf(what: string, { p50Ms, p99Ms, maxMs }: Times, named?: Times): Figure[] {
  return [
    { name: `${what}, p50`, unit: 'ms', value: p50Ms },
    { name: `${what}, p99`, unit: 'ms', value: p99Ms },
    { name: `${what}, max`, unit: 'ms', value: maxMs },
    ...(named === undefined ? [] : [timesOf(`${what} ÷ one named queue, p50`, p50Ms / named.p50Ms)]),
  ]
}

function timesOf(name: string, value: number): Figure {
  return { name, unit: '×', value, target: { atMost: AT_MOST } }
}
