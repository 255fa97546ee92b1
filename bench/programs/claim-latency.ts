import type { NewTask } from '@taskyard/core'
import { createUuidV7Generator, systemClock } from '@taskyard/core/runtime'
import { quantiles } from '../load/call-rate.ts'
import { openStore } from '../load/open-store.ts'
import { benchQueue, benchType, payload200 } from '../load/payload.ts'
import { printResult, programOptions } from '../processes/program.ts'

// How long one claim takes through the store's port. What is claimed is settled between the timed calls.

export interface ClaimLatencyOptions {
  readonly url: string
  readonly claims: number
  /** Tasks a claim. */
  readonly limit: number
}

export interface ClaimLatencyResult {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

const { url, claims, limit } = programOptions<ClaimLatencyOptions>()
const warmup = Math.ceil(claims / 10)
const nextId = createUuidV7Generator(systemClock)
const store = await openStore(url)
await submit((claims + warmup) * limit)

const claim = {
  namespace: 'default',
  queues: [benchQueue],
  types: null,
  limit,
  leaseMs: 60_000,
  worker: { workerId: 'claim-latency', nodeId: null, session: false },
  requestId: null,
}
const times: number[] = []
for (let n = 0; n < claims + warmup; n++) {
  const start = performance.now()
  const leased = await store.tasks.claim(claim)
  if (n >= warmup) times.push(performance.now() - start)
  if (leased.length !== limit) throw new Error(`claim ${n} gave ${leased.length} tasks, not ${limit}`)
  const settlements = leased.map(({ id, lease }) => ({
    taskId: id,
    token: lease.token,
    outcome: 'succeeded' as const,
    result: null,
  }))
  await store.tasks.settle({ namespace: 'default', settlements, claim: null })
}
await store.lifecycle.close()
printResult(quantiles(times) satisfies ClaimLatencyResult)
process.exit(0)

async function submit(count: number): Promise<void> {
  for (let left = count; left > 0; left -= 1000) {
    const tasks = Array.from({ length: Math.min(1000, left) }, newTask)
    await store.tasks.enqueue({ submissions: [{ tasks }], queueDepth: Number.MAX_SAFE_INTEGER })
  }
}

function newTask(): NewTask {
  return {
    id: nextId(),
    namespace: 'default',
    queue: benchQueue,
    type: benchType,
    payload: JSON.stringify(payload200) as NewTask['payload'],
    priority: 0,
    runAt: null,
    delayMs: 0,
    maxAttempts: 1,
    backoff: { kind: 'exponential', baseSeconds: 1, factor: 2, maxSeconds: 3600 },
    timeoutSeconds: null,
    tags: [],
    idempotency: null,
  }
}
