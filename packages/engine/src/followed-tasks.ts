import {
  createLimiter,
  LIMITS,
  type NewsMessage,
  type NewsMissed,
  type OpenedStore,
  type Task,
  TaskyardError,
} from '@taskyard/core'
import { coalesce } from './coalesce.ts'
import type { EngineContext } from './engine-context.ts'
import { LOOPS } from './loops.ts'
import { createTaskEndNews } from './task-end-news.ts'

/** A task that is followed is looked at this often even without news. */
const LOOK_AGAIN_MS = LOOPS['followed-tasks'].intervalMs
/** Text that one call may bring, as far as it is known before. A task of which nothing is known counts as a part of it. */
const LOOK_LENGTH = 16 * 1024 * 1024
const UNKNOWN_LENGTH = LOOK_LENGTH / 32
/** Calls for as many namespaces that are under way for one look. */
const FINDS_AT_ONCE = 16
/** First looks, and those after news, that are under way or in line for a call: who comes behind them may be refused. */
const MOST_LOOKS = 128

/** A task by its id, to be found in this namespace or not at all. */
export interface TaskName {
  readonly namespace: string
  readonly taskId: string
}

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
  look(task: TaskName): Promise<Task>
  /** Tells of the task at every look, and with its news: all of it, or of its end. Until the returned function is called. */
  follow(task: TaskName, what: 'all' | 'end', follower: Follower): () => void
  isStopped(): boolean
  /** Resolves when nobody is told of anything any more. */
  stop(): Promise<void>
}

interface Followed {
  readonly followers: Set<Follower>
  /** Those of them who wait for the end alone. */
  readonly waiters: Set<Follower>
  readonly task: TaskName
  /** Of the payload, which never changes; `null`: not seen yet. */
  length: number | null
}

/**
 * However many follow however many tasks, one call a second asks for up to `LIMITS.batch` of them: fewer where their
 * payloads are long, so that an answer stays small. Looks in between, of those that begin or have heard news, share calls too.
 */
export function createFollowedTasks(context: EngineContext): FollowedTasks {
  const { store, clock, news } = context
  const followed = new Map<string, Followed>()
  const looks = createRegularLooks(context, followed)
  const find = coalesce<TaskName, Task | null>({
    clock,
    run: (tasks) => findEach(store, tasks),
    maxItems: LIMITS.batch,
    // Its result may be long, whatever is known of its payload.
    weightOf: () => UNKNOWN_LENGTH,
    maxWeight: LOOK_LENGTH,
  })
  const limited = createLimiter({ most: MOST_LOOKS, clock, what: 'looks at tasks' })
  let stopped = false

  const ends = createTaskEndNews(news, clock, (message) => {
    for (const waiter of followed.get(keyOf(message))?.waiters ?? []) waiter.told(message)
  })

  function listen(known: Followed, what: 'all' | 'end', follower: Follower): () => void {
    if (what === 'all') return news.subscribe({ of: 'task', ...known.task }, (message) => follower.told(message))
    known.waiters.add(follower)
    const stop = ends.listen()
    return () => {
      stop()
      known.waiters.delete(follower)
    }
  }

  return {
    async look(task) {
      const found = await limited(() => find(task))
      if (found === null) throw notFound(task)
      const known = followed.get(keyOf(task))
      if (known !== undefined) known.length = found.payload.length
      return found
    },
    follow({ namespace, taskId }, what, follower) {
      const task = { namespace, taskId }
      const key = keyOf(task)
      const known = followed.get(key) ?? { task, followers: new Set(), waiters: new Set(), length: null }
      followed.set(key, known)
      known.followers.add(follower)
      const stopListening = listen(known, what, follower)
      looks.plan()
      return () => {
        stopListening()
        known.followers.delete(follower)
        if (known.followers.size === 0 && followed.get(key) === known) followed.delete(key)
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
function createRegularLooks({ store, clock, loops }: EngineContext, followed: ReadonlyMap<string, Followed>) {
  const loop = loops.create('followed-tasks', async () => {
    for (const batch of batchesOf(followed)) await lookAt(batch)
    return { nextMs: followed.size === 0 ? Number.POSITIVE_INFINITY : LOOK_AGAIN_MS, isProof: false }
  })

  async function lookAt(batch: readonly Followed[]): Promise<void> {
    await forEachNamespace(
      batch,
      ({ task }) => task.namespace,
      async (namespace, some) => {
        try {
          const found = await store.reads.find({ namespace, taskIds: some.map(({ task }) => task.taskId) })
          loop.worked()
          for (const [i, known] of some.entries()) tell(known, found[i] ?? null)
        } catch (error) {
          loop.failed(error)
          for (const known of some) fail(known, error)
        }
      },
    )
  }

  function tell(known: Followed, task: Task | null): void {
    if (task === null) return fail(known, notFound(known.task))
    known.length = task.payload.length
    for (const follower of known.followers) follower.seen(task)
  }

  function fail({ followers }: Followed, error: unknown): void {
    for (const follower of followers) follower.failed(error)
  }

  return {
    plan: () => loop.wakeAt(clock.now() + LOOK_AGAIN_MS),
    stop: () => loop.stop(),
  }
}

/** Tasks that are looked at in one call. */
function batchesOf(followed: ReadonlyMap<string, Followed>): readonly (readonly Followed[])[] {
  const batches: Followed[][] = []
  let length = LOOK_LENGTH
  for (const known of followed.values()) {
    if (length >= LOOK_LENGTH || batches.at(-1)?.length === LIMITS.batch) {
      batches.push([])
      length = 0
    }
    batches.at(-1)?.push(known)
    length += known.length ?? UNKNOWN_LENGTH
  }
  return batches
}

/** The tasks, `null` where there is none, in one call for each namespace. */
async function findEach({ reads }: OpenedStore, tasks: readonly TaskName[]): Promise<readonly (Task | null)[]> {
  const found = new Map<TaskName, Task | null>()
  const failures: unknown[] = []
  await forEachNamespace(
    tasks,
    ({ namespace }) => namespace,
    async (namespace, named) => {
      try {
        const some = await reads.find({ namespace, taskIds: named.map(({ taskId }) => taskId) })
        for (const [i, task] of named.entries()) found.set(task, some[i] ?? null)
      } catch (error) {
        failures.push(error)
      }
    },
  )
  if (failures.length > 0) throw failures[0]
  return tasks.map((task) => found.get(task) ?? null)
}

/** Runs what must not reject for the items of each namespace, for a few namespaces at a time. */
async function forEachNamespace<Item>(
  items: readonly Item[],
  namespaceOf: (item: Item) => string,
  run: (namespace: string, some: readonly Item[]) => Promise<void>,
): Promise<void> {
  const groups = Map.groupBy(items, namespaceOf).entries()
  const runNext = async () => {
    for (const [namespace, some] of groups) await run(namespace, some)
  }
  await Promise.all(Array.from({ length: FINDS_AT_ONCE }, runNext))
}

function keyOf({ namespace, taskId }: TaskName): string {
  return `${namespace}/${taskId}`
}

function notFound({ namespace, taskId }: TaskName): TaskyardError {
  return new TaskyardError('task_not_found', { id: taskId, namespace })
}
