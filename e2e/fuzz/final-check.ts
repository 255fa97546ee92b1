import { setTimeout as delay } from 'node:timers/promises'
import type { Api, Document } from './api.ts'

const MAX_CHECKS = 60
const BETWEEN_MS = 500
/** Of this many tasks, spread over the list, the whole is read as well. */
const SAMPLE_SIZE = 100

/** What becomes due moves from scheduled to queued at any time: both are waiting. */
type Counts = Readonly<Record<string, Readonly<Record<string, number>>>>

/** Whether the whole list can be read and agrees with the counts, once nothing moves any more. */
export async function finalFaults(api: Api): Promise<readonly string[]> {
  for (let check = 1; ; check++) {
    const before = await countsOf(api)
    const tasks = await walk(api)
    const isStill = JSON.stringify(before) === JSON.stringify(await countsOf(api))
    const differences = isStill ? differencesOf(before, tallied(tasks)) : ['the tasks do not come to rest']
    if (differences.length === 0 || check === MAX_CHECKS) return [...differences, ...(await unreadable(api, tasks))]
    // Leases that the fuzzer left behind run out.
    await delay(BETWEEN_MS)
  }
}

async function countsOf(api: Api): Promise<Counts> {
  const { queues } = await api.get('/api/v1/queues')
  return Object.fromEntries(
    queues.map(({ queue, counts: { scheduled, queued, ...others } }: Document) => {
      return [queue, { ...others, waiting: scheduled + queued }]
    }),
  )
}

async function walk(api: Api): Promise<readonly Document[]> {
  const tasks: Document[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: Document = await api.get(`/api/v1/tasks?limit=200${cursor && `&cursor=${encodeURIComponent(cursor)}`}`)
    tasks.push(...page.items)
    cursor = page.nextCursor
  }
  return tasks
}

function tallied(tasks: readonly Document[]): Counts {
  const counts: Record<string, Record<string, number>> = {}
  for (const { queue, status } of tasks) {
    counts[queue] ??= {}
    const ofQueue = counts[queue]
    const counted = status === 'scheduled' || status === 'queued' ? 'waiting' : status
    ofQueue[counted] = (ofQueue[counted] ?? 0) + 1
  }
  return counts
}

function differencesOf(counted: Counts, listed: Counts): readonly string[] {
  return Object.entries(counted).flatMap(([queue, counts]) =>
    Object.entries(counts)
      .filter(([status, count]) => count !== (listed[queue]?.[status] ?? 0))
      .map(([status, count]) => `${queue} counts ${count} ${status}, the list has ${listed[queue]?.[status] ?? 0}`),
  )
}

async function unreadable(api: Api, tasks: readonly Document[]): Promise<readonly string[]> {
  const faults: string[] = []
  const step = Math.max(1, Math.floor(tasks.length / SAMPLE_SIZE))
  for (let at = 0; at < tasks.length; at += step) {
    const { id } = tasks[at]
    for (const path of [`/api/v1/tasks/${id}`, `/api/v1/tasks/${id}/events`, `/tasks/${id}`]) {
      await api.get(path).catch((error) => faults.push(String(error)))
    }
  }
  return faults
}
