import type { Agent } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { monotonicMs, type WriteHistory } from './history.ts'
import { type Answer, call } from './http-call.ts'
import { EMBEDDED_QUEUE, EMBEDDED_TYPE, REMOTE_QUEUE, REMOTE_TYPE, type Work } from './options.ts'
import { between } from './seeded-random.ts'

export interface Load {
  readonly url: string
  readonly agent: Agent
  readonly tasks: number
  readonly random: () => number
  readonly write: WriteHistory
  /** Tasks a second that are wanted now. */
  rate(tasksLeft: number): number
}

export interface LoadProgress {
  /** Tasks acknowledged so far. */
  acknowledged: number
}

const inFlight = 64

/** Submits until so many tasks are acknowledged, whatever happens to the server meanwhile. */
export async function runLoad(load: Load, progress: LoadProgress): Promise<void> {
  const keys = keySource(load.random)
  const throttle = createThrottle(load, progress)
  let submitted = 0
  const sender = async () => {
    while (submitted < load.tasks) {
      const single = load.random() < 0.6
      const size = single ? 1 : Math.min(Math.ceil(load.random() * 20), load.tasks - submitted)
      submitted += size
      await throttle(size)
      if (size === 1) await submitSingle(load, keys)
      else await submitBatch(load, keys, size)
      progress.acknowledged += size
    }
  }
  await Promise.all(Array.from({ length: inFlight }, sender))
}

/** With an idempotency key: after a broken connection the same request is sent again, as often as it takes. */
async function submitSingle(load: Load, nextKey: () => string): Promise<void> {
  const key = nextKey()
  const body = JSON.stringify(submission(load.random, key))
  await untilAccepted(load, '/api/v1/tasks', { 'idempotency-key': key }, () => ({ keys: [key], body }))
  if (load.random() < 0.05) {
    await untilAccepted(load, '/api/v1/tasks', { 'idempotency-key': key }, () => ({ keys: [key], body }))
  }
}

/** Batches have no idempotency keys: after a broken connection the work is submitted anew, under keys of its own. */
async function submitBatch(load: Load, nextKey: () => string, size: number): Promise<void> {
  await untilAccepted(load, '/api/v1/tasks/batch', {}, () => {
    const keys = Array.from({ length: size }, nextKey)
    return { keys, body: JSON.stringify({ tasks: keys.map((key) => submission(load.random, key)) }) }
  })
}

interface Attempt {
  readonly keys: readonly string[]
  readonly body: string
}

async function untilAccepted(
  { url, agent, write, random }: Load,
  path: string,
  headers: Readonly<Record<string, string>>,
  nextAttempt: () => Attempt,
): Promise<void> {
  for (;;) {
    const { keys, body } = nextAttempt()
    write({ e: 'submit', at: monotonicMs(), keys })
    const sent = {
      method: 'POST',
      url: url + path,
      headers: { ...headers, 'content-type': 'application/json' },
      body,
    } as const
    const answer = await call(agent, sent).catch(() => null)
    if (answer?.status === 202) {
      const ids = idsIn(answer)
      const at = monotonicMs()
      for (const [index, key] of keys.entries()) write({ e: 'ack', at, key, id: ids[index] as string })
      return
    }
    if (answer !== null && answer.status < 500 && answer.status !== 429) {
      throw new Error(`${path} answered ${answer.status}: ${answer.body}`)
    }
    await delay(between(random, 50, 300))
  }
}

function idsIn({ body }: Answer): readonly string[] {
  const answer = JSON.parse(body) as { id: string } | { tasks: { id: string }[] }
  return 'tasks' in answer ? answer.tasks.map(({ id }) => id) : [answer.id]
}

/** Mostly short work, some long enough to be caught in the middle. */
function submission(random: () => number, key: string): object {
  const embedded = isEmbedded(key)
  const ms = Math.round(random() < (embedded ? 0.3 : 0.05) ? between(random, 300, 1500) : between(random, 0, 30))
  const doomed = random() < 0.02
  const failures = random() < 0.03 ? 1 : 0
  const options = { maxAttempts: 50, backoff: { kind: 'fixed', baseSeconds: 0.1 } }
  if (embedded) {
    const fail = doomed ? true : failures
    const payload = { key, message: key, delayMs: ms, fail, retryable: !doomed }
    return { type: EMBEDDED_TYPE, queue: EMBEDDED_QUEUE, payload, ...options }
  }
  return { type: REMOTE_TYPE, queue: REMOTE_QUEUE, payload: { key, ms, failures, doomed } satisfies Work, ...options }
}

/** A tenth is for the embedded workers. */
function keySource(random: () => number): () => string {
  let last = 0
  return () => `${random() < 0.1 ? 'embedded' : 'remote'}-${++last}`
}

/** Whether the task of this key is for an embedded worker. */
export function isEmbedded(key: string): boolean {
  return key.startsWith('embedded-')
}

/** Spreads the submissions evenly: each is as long after the last as the rate of that moment makes it. */
function createThrottle(load: Load, progress: LoadProgress): (size: number) => Promise<void> {
  let nextAt = monotonicMs()
  return async (size) => {
    for (let now = monotonicMs(); now < nextAt; now = monotonicMs()) await delay(Math.min(nextAt - now, 200))
    nextAt = Math.max(nextAt, monotonicMs() - 500) + (size * 1000) / load.rate(load.tasks - progress.acknowledged)
  }
}
