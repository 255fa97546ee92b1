import type { AcceptedTask, EnqueueOutcome, NewTask, TaskStatus } from '@taskyard/core'
import { runAtOf } from './insert-tasks.ts'
import { heldKey, keyName, queueName } from './submission-locks.ts'

/** What is answered of a task that is stored. */
export interface Known {
  readonly status: TaskStatus
  readonly createdAt: number
  readonly runAt: number
}

export interface UsedKey {
  readonly taskId: string
  readonly fingerprint: string
}

/** What submissions are judged by; what is accepted is added to it. */
interface Facts {
  /** Keys that transactions of others hold. */
  readonly held: Parameters<typeof heldKey>[1]
  readonly keys: Map<string, UsedKey>
  readonly known: Map<string, Known>
  /** Tasks in each queue; of none where all have room. */
  readonly waiting: Map<string, number>
  readonly now: number
  readonly queueDepth: number
}

/** Judges one submission after the other, each as if those that it accepted before were stored. */
export class SubmissionJudge {
  /** Tasks of accepted submissions that are to be stored. */
  readonly fresh: NewTask[] = []
  readonly #facts: Facts

  constructor(facts: Facts) {
    this.#facts = facts
  }

  judge(submission: readonly NewTask[]): EnqueueOutcome {
    const key = heldKey(submission, this.#facts.held)
    if (key !== undefined) return { kind: 'idempotency-key-held', key }
    const mine = new Map<string, UsedKey>()
    const accepted: (AcceptedTask | NewTask)[] = []
    for (const task of submission) {
      const answer = this.#known(task, mine) ?? task
      if ('kind' in answer) return answer
      accepted.push(answer)
    }
    const added = accepted.filter((task) => 'payload' in task)
    const full = this.#fullQueue(added)
    if (full !== null) {
      for (const { id } of added) this.#facts.known.delete(id)
      return { kind: 'queue-full', queue: full }
    }
    for (const [name, used] of mine) this.#facts.keys.set(name, used)
    for (const task of added) this.#add(task)
    return {
      kind: 'accepted',
      tasks: accepted.map((task) =>
        'payload' in task ? { id: task.id, ...this.#newlyKnown(task), replayed: false } : task,
      ),
    }
  }

  /** The task that is there already, by key or id, or what refuses it; `null`: it is new. */
  #known(task: NewTask, mine: Map<string, UsedKey>): AcceptedTask | EnqueueOutcome | null {
    const { keys, known } = this.#facts
    const key = task.idempotency?.key
    const first = key === undefined ? undefined : (keys.get(keyName(task)) ?? mine.get(keyName(task)))
    if (first !== undefined && key !== undefined) {
      if (first.fingerprint !== task.idempotency?.fingerprint) return { kind: 'idempotency-conflict', key }
      const before = known.get(first.taskId)
      if (before === undefined) return { kind: 'idempotent-task-gone', key, taskId: first.taskId }
      return { id: first.taskId, ...before, replayed: first.taskId !== task.id }
    }
    const before = known.get(task.id)
    if (task.idempotency !== null)
      mine.set(keyName(task), { taskId: task.id, fingerprint: task.idempotency.fingerprint })
    // A later task of this submission may name the same key: it is answered with this one.
    if (before === undefined && key !== undefined) known.set(task.id, this.#newlyKnown(task))
    return before === undefined ? null : { id: task.id, ...before, replayed: false }
  }

  #fullQueue(added: readonly NewTask[]): string | null {
    const { waiting, queueDepth } = this.#facts
    for (const [name, inQueue] of Map.groupBy(added, queueName)) {
      if ((waiting.get(name) ?? 0) + inQueue.length > queueDepth) return (inQueue[0] as NewTask).queue
    }
    return null
  }

  #add(task: NewTask): void {
    const { known, waiting } = this.#facts
    known.set(task.id, this.#newlyKnown(task))
    waiting.set(queueName(task), (waiting.get(queueName(task)) ?? 0) + 1)
    this.fresh.push(task)
  }

  #newlyKnown(task: NewTask): Known {
    const { now } = this.#facts
    const runAt = runAtOf(task, now)
    return { status: runAt > now ? 'scheduled' : 'queued', createdAt: now, runAt }
  }
}
