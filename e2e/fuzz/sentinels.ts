import assert from 'node:assert/strict'
import type { Api, Document } from './api.ts'

/** Tasks of every state that nobody of the fuzzer's knows or may touch. */
export interface Sentinels {
  /** What has changed of them since. */
  changes(): Promise<readonly string[]>
}

const QUEUE = 'sentinel'
const LEASE_SECONDS = 3600
const PAYLOAD = { text: 'naïve \u0000 😀', big: 'x'.repeat(1000) }

export async function postSentinels(api: Api): Promise<Sentinels> {
  const outcomes: readonly object[] = [
    { outcome: 'succeeded', result: PAYLOAD },
    { outcome: 'failed', error: { code: 'c', message: 'm' }, retryable: false },
    { outcome: 'failed', error: { code: 'c', message: 'm' }, retryDelaySeconds: 100_000 },
  ]
  for (const outcome of outcomes) await submitEnded(api, outcome)
  const { id } = await submit(api, {})
  await api.post(`/api/v1/tasks/${id}/cancel`)
  await claim(api, await submit(api, { tags: ['sentinel'] }))
  await submit(api, { delaySeconds: 100_000 })
  await submit(api, { priority: 5, tags: ['sentinel', '{}'] })
  const before = await readAll(api)
  return {
    async changes() {
      const now = await readAll(api)
      return [...before]
        .filter(([task, text]) => now.get(task) !== text)
        .map(([, text]) => `${text} is ${now.get(text)}`)
    },
  }
}

async function submit(api: Api, options: object): Promise<Document> {
  return api.post('/api/v1/tasks', { type: 'sentinel', queue: QUEUE, payload: PAYLOAD, ...options })
}

async function claim(api: Api, { id }: Document): Promise<Document> {
  const leases = { workerId: 'sentinel-worker', queues: [QUEUE], limit: 1, leaseSeconds: LEASE_SECONDS }
  const { tasks } = await api.post('/api/v1/leases', leases)
  assert.equal(tasks[0]?.id, id)
  return tasks[0]
}

async function submitEnded(api: Api, outcome: object): Promise<void> {
  const { id, lease } = await claim(api, await submit(api, {}))
  await api.post('/api/v1/leases/settle', { outcomes: [{ taskId: id, token: lease.token, ...outcome }] })
}

/** Each by its id: as it is read, with its history. */
async function readAll(api: Api): Promise<ReadonlyMap<string, string>> {
  const { items } = await api.get(`/api/v1/tasks?queue=${QUEUE}&limit=200`)
  const tasks = items.map(async ({ id }: Document) => {
    const [task, { events }] = [await api.get(`/api/v1/tasks/${id}`), await api.get(`/api/v1/tasks/${id}/events`)]
    return [id, JSON.stringify({ task, events })] as const
  })
  return new Map(await Promise.all(tasks))
}
