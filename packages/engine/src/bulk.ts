import { isIntegerIn, LIMITS, type Task, type TaskStatus } from '@taskyard/core'
import type { BulkFilter, BulkPart, BulkPartOptions } from './bulk-calls.ts'
import { invalid } from './check-submission.ts'
import type { EngineContext } from './engine-context.ts'
import { hashed } from './fingerprint.ts'
import { statusesOf, toListParams } from './read.ts'

/** Where a walk over matching tasks is: what it takes to go on with it, here or in another process. */
interface Position {
  /** Only tasks that were there when it began; ms, exclusive. */
  readonly before: number
  readonly status: number
  readonly cursor: string | null
  /** Passes that have ended, and how many of the last found nothing. */
  readonly passes: number
  readonly quiet: number
  /** This pass has found something. */
  readonly found: boolean
}

export interface Walk {
  readonly operation: 'cancel' | 'retry' | 'delete'
  /** States to look through, in this order; in every other pass the other way round, so that nothing keeps ahead of it. */
  readonly statuses: readonly TaskStatus[]
  /** The walk ends after so many passes that found nothing; 0: after the first pass. */
  readonly quietPasses: number
  /** Whether a task is wanted, in the first pass or in a later one. */
  wants(task: Task, isFirstPass: boolean): boolean
  /** Resolves with how many of the tasks, which are as they were when they were found, it changed. */
  act(tasks: readonly Task[]): Promise<number>
  /** Whether `act` is likely to change a task, for a walk that only counts. */
  wouldChange(task: Task): boolean
}

/** Of a walk over ended tasks: they stay where they are until it changes them, and are not met again. */
export const OVER_ENDED = {
  quietPasses: 0,
  wants: () => true,
  wouldChange: () => true,
} as const satisfies Partial<Walk>

/** Beyond clocks of servers and stores that disagree a little. */
const CLOCK_MARGIN_MS = 1000

/**
 * Walks over every task that matches, in parts. Within a pass pages go from newest to oldest, so what is changed on the way
 * never comes up again; but a task that changes its state meanwhile may be passed by, so that some passes have to be
 * without a find before all are known to be found.
 */
export function createBulkWalks(context: EngineContext) {
  const { store, clock, timeOfDay } = context

  async function walk(
    namespace: string,
    filter: BulkFilter,
    options: BulkPartOptions,
    wanted: Walk,
  ): Promise<BulkPart> {
    const how = options.dryRun ? countOnly(wanted) : wanted
    if (how.statuses.length === 0) return { matched: 0, cursor: null }
    const purpose = purposeOf(namespace, filter, how.operation, options.dryRun === true)
    const { cursor = null, seconds = Number.POSITIVE_INFINITY, signal } = options
    const until = clock.now() + seconds * 1000
    let position = cursor === null ? await start(namespace, filter) : decode(cursor, how.statuses.length, purpose)
    for (let matched = 0; ; ) {
      const { count, nextCursor } = await changePage(namespace, filter, position, how)
      matched += count
      const next = after(position, nextCursor, count > 0, how)
      if (next === null) return { matched, cursor: null }
      if (clock.now() >= until || signal?.aborted || context.isStopping())
        return { matched, cursor: encode(next, purpose) }
      position = next
    }
  }

  /** The newest task says how far the store's clock is. */
  async function start(namespace: string, { createdBefore }: BulkFilter): Promise<Position> {
    const { items } = await store.reads.list(toListParams(namespace, { limit: 1 }))
    const now = Math.max(timeOfDay(), items[0]?.createdAt ?? 0) + CLOCK_MARGIN_MS
    const before = Math.min(now, createdBefore ?? now)
    return { before, status: 0, cursor: null, passes: 0, quiet: 0, found: false }
  }

  async function changePage(
    namespace: string,
    filter: BulkFilter,
    { before, status, cursor, passes }: Position,
    how: Walk,
  ) {
    const isForward = passes % 2 === 0
    const wanted = {
      ...filter,
      status: how.statuses.at(isForward ? status : -1 - status) as TaskStatus,
      createdBefore: before,
    }
    const page = await store.reads.list(toListParams(namespace, { ...wanted, limit: LIMITS.listPage, cursor }))
    const tasks = page.items.filter((task) => how.wants(task, passes === 0))
    return { count: tasks.length === 0 ? 0 : await how.act(tasks), nextCursor: page.nextCursor }
  }

  return walk
}

/** Nothing is changed on the way, so nothing has to be looked for again. */
function countOnly({ operation, statuses, wants, wouldChange }: Walk): Walk {
  return {
    operation,
    statuses,
    quietPasses: 0,
    wants,
    act: async (tasks) => tasks.filter(wouldChange).length,
    wouldChange,
  }
}

/** Where the walk goes on; `null`: it is over. */
function after(position: Position, cursor: string | null, hasFound: boolean, how: Walk): Position | null {
  const found = position.found || hasFound
  if (cursor !== null) return { ...position, cursor, found }
  if (position.status + 1 < how.statuses.length) return { ...position, status: position.status + 1, cursor, found }
  const quiet = found ? 0 : position.quiet + 1
  if (quiet >= how.quietPasses) return null
  return { ...position, status: 0, cursor, passes: position.passes + 1, quiet, found: false }
}

/** What a cursor is good for: going on with another operation, or another filter, would pass tasks by in silence. */
function purposeOf(namespace: string, filter: BulkFilter, operation: Walk['operation'], dryRun: boolean): string {
  const fields = Object.entries(filter).filter(([, value]) => value !== undefined && value !== null)
  fields.sort(([a], [b]) => (a < b ? -1 : 1))
  return hashed(JSON.stringify([namespace, operation, dryRun, fields]))
}

function encode({ before, status, cursor, passes, quiet, found }: Position, purpose: string): string {
  return Buffer.from(JSON.stringify([before, status, cursor, passes, quiet, found, purpose])).toString('base64url')
}

/** @throws TaskyardError `invalid_request` for a cursor that is not one of these */
function decode(text: string, statuses: number, purpose: string): Position {
  const [before, status, cursor, passes, quiet, found, isFor] = fieldsOf(text)
  const isOurs =
    isFor === purpose &&
    isIntegerIn(before, 0, Number.MAX_SAFE_INTEGER) &&
    isIntegerIn(status, 0, statuses - 1) &&
    (cursor === null || typeof cursor === 'string') &&
    isIntegerIn(passes, 0, Number.MAX_SAFE_INTEGER) &&
    isIntegerIn(quiet, 0, Number.MAX_SAFE_INTEGER) &&
    typeof found === 'boolean'
  if (!isOurs) throw invalid('/cursor', 'the cursor of an answer before, of the same operation with the same filter')
  return { before, status, cursor, passes, quiet, found } as Position
}

function fieldsOf(text: string): readonly unknown[] {
  try {
    const fields: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    return Array.isArray(fields) ? fields : []
  } catch {
    return []
  }
}

/**
 * The states in which a walk looks: those of `possible` that a filter names, `usual` where it names none.
 * @throws TaskyardError `invalid_request` for a filter that is wrong, or means every task
 */
export function statusesToWalk(
  namespace: string,
  filter: BulkFilter,
  { possible, usual }: { readonly possible: readonly TaskStatus[]; readonly usual: readonly TaskStatus[] },
): readonly TaskStatus[] {
  assertFilter(namespace, filter)
  const named = statusesOf(filter)
  return named === null ? usual : possible.filter((status) => named.includes(status))
}

function assertFilter(namespace: string, filter: BulkFilter): void {
  const isSet = Object.values(filter).some((value) => value !== undefined && value !== null)
  if (!isSet) throw invalid('', 'name at least one of queue, type, status, tag, createdAfter, createdBefore, errorCode')
  toListParams(namespace, filter)
}
