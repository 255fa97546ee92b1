import {
  errorTextStart,
  isTaskId,
  LIMITS,
  type ListParams,
  listedStatuses,
  type Task,
  type TaskPage,
  TaskyardError,
} from '@taskyard/core'
import { ids } from '../arrays.ts'
import { firstIdAt } from '../id-times.ts'
import type { Lane } from '../lanes.ts'
import type { StoreContext } from '../store-context.ts'
import { findTasks } from './find.ts'
import { candidates, type Window } from './list-candidates.ts'
import { promoteDue } from './promote.ts'

/** Rows looked at per page where no index fits the filter. The page ends there and its cursor goes on. */
const SCAN_BUDGET = 2_000
/** The same where each is looked at for its error alone. */
const ERRORS_BUDGET = 5_000
const ERRORS_AT_ONCE = 2_000

/** The port's `list`, newest id first. A page also ends at its budget of rows or bytes, and may be empty with a cursor. */
export async function list(context: StoreContext, params: ListParams): Promise<TaskPage> {
  const window = await windowOf(context, params)
  await promoteDue(context)
  const lanes = await context.lanes.matching(params.namespace, params.queue, params.type)
  const statuses = listedStatuses(params)
  if (lanes.length === 0 || statuses?.every((status) => status === 'blocked')) return { items: [], nextCursor: null }
  return collect(context, params, lanes, window)
}

/** Looks at more and more candidates until a page is full: most fit at once, and those that do not are few mostly. */
async function collect(
  context: StoreContext,
  params: ListParams,
  lanes: readonly Lane[],
  window: Window,
): Promise<TaskPage> {
  const wanted = new Set(lanes.map(nameOf))
  const statuses = listedStatuses(params)
  const [budget, most] = params.errorCode === null ? [SCAN_BUDGET, SCAN_BUDGET] : [ERRORS_BUDGET, ERRORS_AT_ONCE]
  const items: Task[] = []
  let looked = 0
  let { below } = window
  for (let size = params.limit + 1; ; size = Math.min(size * 4, most, budget - looked)) {
    const { found, more } = await candidates(context, params, lanes, { ...window, below }, size)
    const fitting = await havingError(context, params, await createdWithin(context, params, found))
    const taken = fitting.slice(0, params.limit + 1)
    const tasks = await findTasks(context, params.namespace, taken, LIMITS.pageBytes)
    for (const { task } of tasks) {
      if (!wanted.has(nameOf(task)) || (statuses !== null && !statuses.includes(task.status))) continue
      items.push(task)
      if (items.length < params.limit) continue
      const isLast = task.id === fitting.at(-1) && !more
      return { items, nextCursor: isLast ? null : encodeCursor(task.id) }
    }
    looked += found.length
    below = (tasks.length < fitting.length ? tasks.at(-1)?.task.id : found.at(-1)) ?? below
    // Too many bytes for one page, or the budget is spent: what there is, is this page.
    const isCut = tasks.length < taken.length && items.length > 0
    if (isCut || (more && looked >= budget)) return { items, nextCursor: encodeCursor(below) }
    if (!more && tasks.length === fitting.length) return { items, nextCursor: null }
  }
}

function nameOf({ namespace, queue, type }: { namespace: string; queue: string; type: string }): string {
  return `${namespace}\n${queue}\n${type}`
}

/** Those created within the filter's times: of machines whose clocks are off, the ids tell it only roughly. */
async function createdWithin(
  { database }: StoreContext,
  { createdAfter, createdBefore }: ListParams,
  found: readonly string[],
): Promise<readonly string[]> {
  if (found.length === 0 || (createdAfter === null && createdBefore === null)) return found
  const rows = await database.run<[string]>(
    `SELECT id FROM @tasks WHERE id = ANY ($1::uuid[]) AND created_at >= coalesce($2::bigint, created_at)
       AND created_at < coalesce($3::bigint, created_at + 1) ORDER BY id DESC`,
    [ids(found), createdAfter, createdBefore],
  )
  return rows.map(([id]) => id)
}

/** Those whose last error has the code: that of their end, or of the attempt that another one is to follow. */
async function havingError(
  { database }: StoreContext,
  { errorCode }: ListParams,
  found: readonly string[],
): Promise<readonly string[]> {
  if (found.length === 0 || errorCode === null) return found
  const start = errorTextStart(errorCode)
  const rows = await database.run<[string]>(
    `SELECT i.id FROM unnest($1::uuid[]) WITH ORDINALITY AS i (id, n)
     CROSS JOIN LATERAL (SELECT lane FROM @tasks t WHERE t.id = i.id OFFSET 0) AS t
     LEFT JOIN LATERAL (
       SELECT error FROM @finished f WHERE f.lane = t.lane AND f.status IN (2, 3) AND f.id = i.id OFFSET 0
     ) AS f ON true
     LEFT JOIN LATERAL (
       SELECT token FROM @ready r WHERE r.id = i.id UNION ALL SELECT token FROM @scheduled s WHERE s.id = i.id OFFSET 0
     ) AS w ON true
     WHERE starts_with(f.error, $2) OR (w.token > 0 AND starts_with((
       SELECT h.data FROM @history h WHERE h.id = i.id AND h.token = w.token AND h.kind = 'retry-scheduled' ORDER BY h.n DESC LIMIT 1
     ), $3))
     ORDER BY i.n`,
    [ids(found), start, `{"error":${start}`],
  )
  return rows.map(([id]) => id)
}

/** Time filters as a range of ids, as far as the clocks of submitting machines have ever been off. */
async function windowOf(
  { idSkew }: StoreContext,
  { cursor, createdAfter, createdBefore }: ListParams,
): Promise<Window> {
  const before = cursor === null ? null : decodeCursor(cursor)
  if (createdAfter === null && createdBefore === null) return { above: LOWEST, below: before ?? HIGHEST }
  const skew = await idSkew.largest()
  const above = createdAfter === null ? LOWEST : firstIdAt(createdAfter - skew)
  const end = createdBefore === null ? HIGHEST : firstIdAt(createdBefore + skew)
  return { above, below: before !== null && before < end ? before : end }
}

const LOWEST = '00000000-0000-0000-0000-000000000000'
const HIGHEST = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

function encodeCursor(id: string): string {
  return `before-${id}`
}

function decodeCursor(cursor: string): string {
  const id = cursor.slice('before-'.length)
  if (!cursor.startsWith('before-') || !isTaskId(id)) {
    throw new TaskyardError('invalid_request', { reason: 'cursor: pass the nextCursor of the page before, unchanged' })
  }
  return id
}
