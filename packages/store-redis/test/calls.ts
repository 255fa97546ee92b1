import assert from 'node:assert/strict'
import type { NewTask, OpenedStore, TaskStatus } from '@taskyard/core'
import { newTask } from './test-bed.ts'

export const EVERYTHING = { namespace: 'default', statuses: null, type: null, queue: null, tag: null } as const
export const ANY_TIME = { createdAfter: null, createdBefore: null, errorCode: null } as const
export const SUCCEEDED = { outcome: 'succeeded', result: null } as const

export function batch(count: number): NewTask[] {
  return Array.from({ length: count }, () => newTask())
}

export function idsOf(tasks: readonly { readonly id: string }[]): string[] {
  return tasks.map(({ id }) => id)
}

export async function submit(store: OpenedStore, tasks: readonly NewTask[]): Promise<void> {
  const [outcome] = await store.tasks.enqueue({ submissions: [{ tasks }], queueDepth: 1_000_000 })
  assert.equal(outcome?.kind, 'accepted')
}

export async function counted(store: OpenedStore, status: TaskStatus): Promise<number> {
  const queues = await store.reads.counts({ namespace: 'default', queue: null })
  return queues.reduce((sum, { counts }) => sum + counts[status], 0)
}

export async function listAll(
  store: OpenedStore,
  filter: { statuses?: readonly TaskStatus[]; type?: string; tag?: string },
) {
  const ids: string[] = []
  let cursor: string | null = null
  do {
    const page = await store.reads.list({ ...EVERYTHING, ...ANY_TIME, ...filter, limit: 200, cursor })
    ids.push(...idsOf(page.items))
    cursor = page.nextCursor
  } while (cursor !== null)
  return ids
}
