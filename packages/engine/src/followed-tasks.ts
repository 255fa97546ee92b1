import { createTurns, LIMITS, type NewsMessage, type NewsMissed, type Task, TaskyardError } from '@taskyard/core'
import { coalesce } from './coalesce.ts'
import { createHeardEnds } from './heard-ends.ts'
import { LOOPS } from './loops.ts'
import type { Parts } from './parts.ts'

/** A task that is followed is looked at this often even without news. */
const LOOK_AGAIN_MS = LOOPS['followed-tasks'].intervalMs
/** Text that one call may bring, as far as it is known before. A task of which nothing is known counts as a part of it. */
const LOOK_LENGTH = 16 * 1024 * 1024
const UNKNOWN_LENGTH = LOOK_LENGTH / 32
/** First looks, and those after news, that are under way or in line for a call: who comes behind them may be refused. */
const MOST_LOOKS = 128

/** Who waits for something of a task. */
export interface Follower {
  seen(task: Task): void
  told(message: NewsMessage | NewsMissed): void
  /** The store could not be asked. */
  failed(error: unknown): void
  /** Nothing more is told. */
  stopped(): void
}

/** Tasks that somebody waits for or watches: all of them share the looks at the store. */
export interface FollowedTasks {
  /**
   * The task as it is now.
   * @throws TaskyardError task_not_found; store_unavailable when its turn does not come in time
   */
  look(taskId: string): Promise<Task>
  /** Tells of the task at every look, and with its news: all of it, or of its end. Until the returned function is called. */
  follow(taskId: string, what: 'all' | 'end', follower: Follower): () => void
  isStopped(): boolean
  /** Resolves when nobody is told of anything any more. */
  stop(): Promise<void>
}

interface Followed {
  readonly followers: Set<Follower>
  /** Those of them who wait for the end alone. */
  readonly waiters: Set<Follower>
  /** Of the payload, which never changes; `null`: not seen yet. */
  length: number | null
}

/**
 * However many follow however many tasks, one call a second asks for up to `LIMITS.batch` of them: fewer where their
 * payloads are long, so that an answer stays small. Looks in between, of those that begin or have heard news, share calls too.
 */
export function createFollowedTasks(parts: Parts): FollowedTasks {
  const { store, clock, news } = parts
  const followed = new Map<string, Followed>()
  const looks = createRegularLooks(parts, followed)
  const find = coalesce<string, Task | null>({
    clock,
    run: (taskIds) => store.reads.find({ taskIds }),
    maxItems: LIMITS.batch,
    // Its result may be long, whatever is known of its payload.
    weightOf: () => UNKNOWN_LENGTH,
    maxWeight: LOOK_LENGTH,
  })
  const turns = createTurns({ most: MOST_LOOKS, clock, what: 'looks at tasks' })
  let stopped = false

  const ends = createHeardEnds(news, clock, (message) => {
    for (const waiter of followed.get(message.taskId)?.waiters ?? []) waiter.told(message)
  })

  function listen(taskId: string, known: Followed, what: 'all' | 'end', follower: Follower): () => void {
    if (what === 'all') return news.subscribe({ of: 'task', taskId }, (message) => follower.told(message))
    known.waiters.add(follower)
    const stop = ends.listen()
    return () => {
      stop()
      known.waiters.delete(follower)
    }
  }

  return {
    async look(taskId) {
      const task = await turns(() => find(taskId))
      if (task === null) throw new TaskyardError('task_not_found', { id: taskId })
      const known = followed.get(taskId)
      if (known !== undefined) known.length = task.payload.length
      return task
    },
    follow(taskId, what, follower) {
      const known = followed.get(taskId) ?? { followers: new Set(), waiters: new Set(), length: null }
      followed.set(taskId, known)
      known.followers.add(follower)
      const stopListening = listen(taskId, known, what, follower)
      looks.plan()
      return () => {
        stopListening()
        known.followers.delete(follower)
        if (known.followers.size === 0 && followed.get(taskId) === known) followed.delete(taskId)
      }
    },
    isStopped: () => stopped,
    stop() {
      stopped = true
      ends.stop()
      for (const { followers } of followed.values()) for (const follower of followers) follower.stopped()
      return looks.stop()
    },
  }
}

/** Looks at all tasks that are followed, again and again while there are any. */
function createRegularLooks({ store, clock, loops }: Parts, followed: ReadonlyMap<string, Followed>) {
  const loop = loops.create('followed-tasks', async () => {
    for (const taskIds of batchesOf(followed)) await lookAt(taskIds)
    return { nextMs: followed.size === 0 ? Number.POSITIVE_INFINITY : LOOK_AGAIN_MS, isProof: false }
  })

  async function lookAt(taskIds: readonly string[]): Promise<void> {
    try {
      const tasks = await store.reads.find({ taskIds })
      loop.worked()
      for (const [i, taskId] of taskIds.entries()) tell(taskId, tasks[i] ?? null)
    } catch (error) {
      loop.failed(error)
      for (const taskId of taskIds) fail(taskId, error)
    }
  }

  function tell(taskId: string, task: Task | null): void {
    if (task === null) return fail(taskId, new TaskyardError('task_not_found', { id: taskId }))
    const known = followed.get(taskId)
    if (known === undefined) return
    known.length = task.payload.length
    for (const follower of known.followers) follower.seen(task)
  }

  function fail(taskId: string, error: unknown): void {
    for (const follower of followed.get(taskId)?.followers ?? []) follower.failed(error)
  }

  return {
    plan: () => loop.wakeAt(clock.now() + LOOK_AGAIN_MS),
    stop: () => loop.stop(),
  }
}

/** Tasks that are looked at in one call. */
function batchesOf(followed: ReadonlyMap<string, Followed>): readonly (readonly string[])[] {
  const batches: string[][] = []
  let length = LOOK_LENGTH
  for (const [taskId, { length: ofTask }] of followed) {
    if (length >= LOOK_LENGTH || batches.at(-1)?.length === LIMITS.batch) {
      batches.push([])
      length = 0
    }
    batches.at(-1)?.push(taskId)
    length += ofTask ?? UNKNOWN_LENGTH
  }
  return batches
}
