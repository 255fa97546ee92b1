import type { Choice } from './choice.ts'

export interface KnownLease {
  readonly taskId: string
  readonly token: number
}

/** What the answers so far have told, so that requests also reach what exists. Bounded: the newest are kept. */
export interface Knowledge {
  learn(answer: unknown): void
  id(choice: Choice): string
  lease(choice: Choice): KnownLease
  cursor(choice: Choice): string
}

const KEPT = 200
const UNKNOWN_ID = '01900000-0000-7000-8000-000000000000'

export const QUEUES = ['fuzz', 'fuzz-2', 'fuzz.three', 'fuzz:4', '5', 'x'.repeat(128)] as const
export const TYPES = ['fuzz', 'other', 'constructor', 'T', 'y'.repeat(128)] as const
export const TAGS = ['tag', 'ä', '😀', '{}', '*', '%', '__proto__', 'a,b', '\u001e', '\u202e'] as const
export const WORKERS = ['fuzz-worker', 'w', 'w.2', 'z'.repeat(128)] as const

export function createKnowledge(): Knowledge {
  const ids: string[] = []
  const leases: KnownLease[] = []
  const cursors: string[] = []
  const keep = <Item>(list: Item[], item: Item) => void (list.push(item) > KEPT && list.shift())
  return {
    learn(answer) {
      for (const task of [answer, ...listsOf(answer)].filter(isObject)) {
        if (typeof task['id'] === 'string' && isOurs(task)) keep(ids, task['id'])
        const token = isObject(task['lease']) ? task['lease']['token'] : undefined
        if (typeof task['id'] === 'string' && typeof token === 'number') keep(leases, { taskId: task['id'], token })
      }
      if (isObject(answer) && typeof answer['nextCursor'] === 'string') keep(cursors, answer['nextCursor'])
    },
    id: (choice) => (ids.length === 0 ? UNKNOWN_ID : choice.one(ids)),
    lease: (choice) => (leases.length === 0 ? { taskId: UNKNOWN_ID, token: 1 } : choice.one(leases)),
    cursor: (choice) => (cursors.length === 0 ? 'none' : choice.one(cursors)),
  }
}

function listsOf(answer: unknown): readonly unknown[] {
  return isObject(answer) ? Object.values(answer).filter(Array.isArray).flat() : []
}

/** Sentinels are for looking at, so nobody may get to know them. */
function isOurs({ queue, id }: Record<string, unknown>): boolean {
  return typeof queue === 'string' ? !queue.startsWith('sentinel') : typeof id === 'string'
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
