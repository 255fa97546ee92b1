import type { EnqueueOutcome, NewTask } from '@taskyard/core'
import { keyId, queueId } from '../documents.ts'

export interface Submission {
  /** Its place in the call. */
  readonly index: number
  readonly tasks: readonly NewTask[]
}

export interface UsedKey {
  readonly taskId: string
  readonly fingerprint: string
  /** `missing`: the submission that took the key did not get to store its task. `gone`: retention has removed it. */
  readonly task: 'stored' | 'missing' | 'gone'
}

export interface Plan {
  readonly refused: ReadonlyMap<number, EnqueueOutcome>
  readonly accepted: readonly (Submission & {
    /** The id under which each of its tasks is, or will be. */
    readonly ids: readonly string[]
    /** What is to be stored: not what a known key or an earlier task of this call stands for. */
    readonly fresh: readonly { readonly id: string; readonly task: NewTask }[]
    /** Keys that it is the first to use. */
    readonly keys: readonly { readonly _id: string; readonly taskId: string; readonly fingerprint: string }[]
  })[]
  /** Some was refused because its queue is full. */
  readonly isFull: boolean
}

/** Judges submissions in order, each by itself, as if those before it were stored already. */
export function planSubmissions(
  submissions: readonly Submission[],
  used: ReadonlyMap<string, UsedKey>,
  room: ReadonlyMap<string, number>,
  stored: ReadonlySet<string> = new Set(),
): Plan {
  const refused = new Map<number, EnqueueOutcome>()
  const accepted: Plan['accepted'][number][] = []
  const keys = new Map(used)
  const left = new Map(room)
  let isFull = false
  for (const submission of submissions) {
    const judged = judge(submission, keys, left, stored)
    if ('refusal' in judged) {
      refused.set(submission.index, judged.refusal)
      isFull ||= judged.refusal.kind === 'queue-full'
      continue
    }
    accepted.push(judged.accepted)
    for (const { _id, taskId, fingerprint } of judged.accepted.keys)
      keys.set(_id, { taskId, fingerprint, task: 'stored' })
    for (const [queue, rest] of judged.left) left.set(queue, rest)
  }
  return { refused, accepted, isFull }
}

type Judged =
  | { readonly refusal: EnqueueOutcome }
  | { readonly accepted: Plan['accepted'][number]; readonly left: ReadonlyMap<string, number> }

function judge(
  submission: Submission,
  used: ReadonlyMap<string, UsedKey>,
  room: ReadonlyMap<string, number>,
  stored: ReadonlySet<string>,
): Judged {
  const keys = new Map<string, UsedKey>()
  const left = new Map<string, number>()
  const ids: string[] = []
  const fresh: { id: string; task: NewTask }[] = []
  for (const task of submission.tasks) {
    const { namespace, queue, idempotency } = task
    const key = idempotency === null ? null : keyId(namespace, idempotency.key)
    const known = key === null ? undefined : (keys.get(key) ?? used.get(key))
    if (idempotency !== null && known !== undefined) {
      const refusal = keyRefusal(idempotency, known)
      if (refusal !== null) return { refusal }
    }
    const id = known?.taskId ?? task.id
    ids.push(id)
    if (known?.task === 'stored') continue
    if (key !== null && idempotency !== null && known === undefined) {
      keys.set(key, { taskId: id, fingerprint: idempotency.fingerprint, task: 'stored' })
    }
    fresh.push({ id, task })
    if (stored.has(id)) continue
    const lane = queueId(namespace, queue)
    const rest = (left.get(lane) ?? room.get(lane) ?? Number.POSITIVE_INFINITY) - 1
    if (rest < 0) return { refusal: { kind: 'queue-full', queue } }
    left.set(lane, rest)
  }
  const taken = [...keys].map(([_id, { taskId, fingerprint }]) => ({ _id, taskId, fingerprint }))
  return { accepted: { ...submission, ids, fresh, keys: taken }, left }
}

function keyRefusal({ key, fingerprint }: NonNullable<NewTask['idempotency']>, known: UsedKey): EnqueueOutcome | null {
  if (known.fingerprint !== fingerprint) return { kind: 'idempotency-conflict', key }
  return known.task === 'gone' ? { kind: 'idempotent-task-gone', key, taskId: known.taskId } : null
}
