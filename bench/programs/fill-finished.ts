import type { NewTask, OpenedStore, Settlement } from '@taskyard/core'
import { createUuidV7Generator, systemClock } from '@taskyard/core/runtime'
import { history, typeOfTask } from '../load/history.ts'
import { openStore } from '../load/open-store.ts'
import { payload200 } from '../load/payload.ts'
import { printResult, programOptions } from '../processes/program.ts'

// Writes a history of finished tasks through the store itself, so that every row is as the store makes it: submitted,
// claimed and settled in batches, at times that pass over the last days. What lies beside it is left alone.

export interface FillFinishedOptions {
  readonly url: string
  readonly finished: number
}

export interface FillFinishedResult {
  readonly seconds: number
}

const { url, finished } = programOptions<FillFinishedOptions>()
const batch = 1000
const parallel = 4
const spanMs = history.days * 86_400_000
const start = Date.now()
let submitted = 0
const storeTime = () => start - spanMs + Math.floor((spanMs * submitted) / finished)
const nextId = createUuidV7Generator({ ...systemClock, now: storeTime })
const store = await openStore(url, storeTime)

await Promise.all(Array.from({ length: parallel }, (_, lane) => fillLane(store, lane)))
await assertFinished(store)
await store.lifecycle.close()
printResult({ seconds: (Date.now() - start) / 1000 } satisfies FillFinishedResult)
process.exit(0)

/** What a scheduler does meanwhile: it makes partitions, and adds the counts up. Nothing is removed. */
async function sweep(store: OpenedStore): Promise<void> {
  const never = Number.MAX_SAFE_INTEGER
  const retention = { succeededSeconds: never, failedSeconds: never, finishedBytes: never }
  await store.upkeep.sweep({ cancelGraceMs: 10_000, retention, limit: 1000, jitter: 0 })
}

/** Each lane has queues of its own, so that it claims what it submitted. */
async function fillLane(store: OpenedStore, lane: number): Promise<void> {
  const queues = history.queues.filter((_, n) => n % parallel === lane)
  const worker = { workerId: `fill-${lane}`, nodeId: null, session: false }
  for (let round = 0; submitted < finished; round++) {
    if (lane === 0 && round % 10 === 0) await sweep(store)
    const size = Math.min(batch, finished - submitted)
    const first = submitted
    submitted += size
    const queue = queues[round % queues.length] as string
    const tasks = Array.from({ length: size }, (_, n) => newTask(first + n, queue))
    await store.tasks.enqueue({ submissions: [{ tasks }], queueDepth: Number.MAX_SAFE_INTEGER })
    const claim = {
      namespace: 'default',
      queues: [queue],
      types: null,
      limit: batch,
      leaseMs: 3_600_000,
      worker,
      requestId: null,
    }
    for (let left = size; left > 0; ) {
      const leased = await store.tasks.claim(claim)
      if (leased.length === 0) throw new Error(`${left} submitted tasks cannot be claimed`)
      const settlements = leased.map(({ id, type, lease }) => settlement(id, lease.token, type))
      const { results } = await store.tasks.settle({ namespace: 'default', settlements, claim: null })
      if (results.some(({ status }) => status !== 'ok')) throw new Error('a settlement was refused')
      left -= leased.length
    }
  }
}

function newTask(n: number, queue: string): NewTask {
  const isRare = n % history.rareEvery === 0
  return {
    id: nextId(),
    namespace: 'default',
    queue,
    type: typeOfTask(n),
    payload: JSON.stringify(payload200) as NewTask['payload'],
    priority: 0,
    runAt: null,
    delayMs: 0,
    maxAttempts: 1,
    backoff: { kind: 'exponential', baseSeconds: 1, factor: 2, maxSeconds: 3600 },
    timeoutSeconds: null,
    tags: isRare ? [history.rareTag] : [],
    idempotency: null,
  }
}

function settlement(taskId: string, token: number, type: string): Settlement {
  if (type !== history.failingType) return { taskId, token, outcome: 'succeeded', result: '{"ok":true}' as never }
  const error = { code: 'refused', message: 'the other side refused' }
  return { taskId, token, outcome: 'failed', error, retryable: false, retryDelayMs: null, jitter: 0 }
}

async function assertFinished(store: OpenedStore): Promise<void> {
  const queues = await store.reads.counts({ namespace: 'default', queue: null })
  const found = queues
    .filter(({ queue }) => history.queues.includes(queue))
    .reduce((sum, { counts }) => sum + counts.succeeded + counts.failed, 0)
  if (found !== finished) throw new Error(`${finished} tasks were finished, the store counts ${found}`)
}
