import {
  LIMITS,
  type ListParams,
  listedStatuses,
  type TaskFilter,
  type TaskPage,
  type TaskStatus,
  TaskyardError,
} from '@taskyard/core'
import type { CallContext } from './call-context.ts'
import { findStored, tasksFor } from './read-calls.ts'
import { SCRIPTS } from './scripts.ts'
import type { StoredTask } from './task-records.ts'

/** Tasks looked at per page. The page ends there and its cursor goes on. */
const SCAN_BUDGET = 5_000
/** Up to this many waiting or running tasks are looked at all at once. */
const FEW = 2_000
/** Tasks read at once: so many at first, then more or fewer by how large they are. */
const FIRST_FOUND = 20

interface Candidate {
  readonly id: string
  /** In order of submission. */
  readonly number: number
}

interface Candidates {
  /** Newest first. */
  readonly tasks: readonly Candidate[]
  /** The number above which nothing is missing; `null` when there is nothing more below. */
  readonly horizon: number | null
}

/** The port's `list`. */
export async function list(context: CallContext, params: ListParams): Promise<TaskPage> {
  let below = params.cursor === null ? null : decodeCursor(params.cursor)
  const page = emptyPage()
  while (page.scanned < SCAN_BUDGET) {
    const { tasks, horizon } = await candidates(context, params, below)
    const isEnd = await fillPage(context, params, page, tasks)
    if (isEnd) return closed(page, page.lastNumber)
    if (horizon === null) return closed(page, null)
    below = horizon
  }
  return closed(page, below)
}

interface Page {
  readonly items: StoredTask['task'][]
  scanned: number
  /** Of what was looked at, whether or not it fits. */
  length: number
  bytes: number
  lastNumber: number
}

function emptyPage(): Page {
  return { items: [], scanned: 0, length: 0, bytes: 0, lastNumber: 0 }
}

function closed({ items }: Page, below: number | null): TaskPage {
  return { items, nextCursor: below === null ? null : encodeCursor(below) }
}

/** Adds what fits the filter; true when the page ends with `lastNumber` though more is to come. */
async function fillPage(
  context: CallContext,
  params: ListParams,
  page: Page,
  tasks: readonly Candidate[],
): Promise<boolean> {
  for (let at = 0, count = 0; at < tasks.length; at += count) {
    count = page.scanned === 0 ? FIRST_FOUND : tasksFor(page.length / page.scanned)
    const some = tasks.slice(at, at + count)
    const found = await findStored(context, { namespace: params.namespace, taskIds: some.map(({ id }) => id) })
    for (const [i, stored] of found.entries()) {
      const length = stored === null ? 0 : stored.task.payload.length + (stored.task.result?.length ?? 0)
      page.length += length
      if (stored !== null && fits(stored.task, params)) {
        if (page.items.length === params.limit || page.bytes >= LIMITS.pageBytes) return true
        page.items.push(stored.task)
        page.bytes += length
      }
      page.lastNumber = (some[i] as Candidate).number
      page.scanned += 1
    }
  }
  return false
}

function fits(task: StoredTask['task'], filter: TaskFilter): boolean {
  return (
    task.namespace === filter.namespace &&
    (filter.statuses === null || filter.statuses.includes(task.status)) &&
    (filter.type === null || task.type === filter.type) &&
    (filter.queue === null || task.queue === filter.queue) &&
    (filter.tag === null || task.tags.includes(filter.tag)) &&
    (filter.createdAfter === null || task.createdAt >= filter.createdAfter) &&
    (filter.createdBefore === null || task.createdAt < filter.createdBefore) &&
    (filter.errorCode === null || task.error?.code === filter.errorCode)
  )
}

/** The newest tasks that may fit. Those of several lists are put together: one that goes from one to another may be in both. */
async function candidates(context: CallContext, params: ListParams, below: number | null): Promise<Candidates> {
  const statuses = listedStatuses(params)
  if (statuses?.every((status) => status === 'blocked')) return NONE
  if (statuses === null || params.tag !== null || statuses.includes('succeeded'))
    return indexed(context, params, '', below)
  const live = new Set(statuses.flatMap((status) => LIVE[status] ?? []))
  const ended = statuses.flatMap((status) => ENDED[status] ?? []).join('')
  const few: Candidate[] = []
  for (const kind of live) {
    const found = await liveCandidates(context, params, kind, below)
    if (found === null) return indexed(context, params, '', below)
    few.push(...found)
  }
  const { tasks, horizon } = ended === '' ? NONE : await indexed(context, params, ended, below)
  const all = new Map([...few, ...tasks].map((candidate) => [candidate.id, candidate]))
  return { tasks: newestFirst([...all.values()], below).filter(isFrom(horizon)), horizon }
}

const NONE: Candidates = { tasks: [], horizon: null }

const LIVE: Readonly<Partial<Record<TaskStatus, 'waiting' | 'running'>>> = {
  queued: 'waiting',
  scheduled: 'waiting',
  running: 'running',
}
/** Those that have an index of their own. */
const ENDED: Readonly<Partial<Record<TaskStatus, string>>> = { failed: 'f', cancelled: 'c' }

/** `null` when they are too many. */
async function liveCandidates(
  { run, now }: CallContext,
  { namespace, queue, type }: ListParams,
  kind: 'waiting' | 'running',
  below: number | null,
): Promise<readonly Candidate[] | null> {
  const args = [now(), namespace, queue ?? '', type ?? '', kind, FEW]
  const [how, ...rest] = (await run(SCRIPTS.live, args)) as string[]
  if (how === 'many') return null
  const tasks: Candidate[] = []
  for (let at = 0; at < rest.length; at += 2) tasks.push({ number: Number(rest[at]), id: rest[at + 1] as string })
  return newestFirst(tasks, below)
}

/** @param ended of tasks that have ended so, by their letters; '': of all */
async function indexed(
  { run, now }: CallContext,
  params: ListParams,
  ended: string,
  below: number | null,
): Promise<Candidates> {
  const { namespace, queue, type, statuses, tag, createdBefore, createdAfter, limit } = params
  const filter = [namespace, queue ?? '', type ?? '', ended, tag ?? '', tag === null ? '0' : '1']
  const window = [below ?? '', createdBefore ?? '', createdAfter ?? '']
  // With a filter that the index does not know, more is looked at to fill a page.
  const isKnown = (statuses === null || ended !== '') && params.errorCode === null
  const wanted = isKnown ? limit + 1 : 10 * limit
  const [horizon, ...entries] = (await run(SCRIPTS.index, [now(), ...filter, ...window, wanted])) as string[]
  const tasks: Candidate[] = []
  for (let at = 0; at < entries.length; at += 2) {
    tasks.push(...tasksOf(Number(entries[at]), entries[at + 1] as string))
  }
  const lowest = horizon === '' ? null : Number(horizon)
  return {
    tasks: newestFirst(tasks, below).filter(isFrom(lowest)),
    horizon: lowest,
  }
}

/** Below the horizon some are missing. */
function isFrom(horizon: number | null): (candidate: Candidate) => boolean {
  return ({ number }) => horizon === null || number >= horizon
}

/** The tasks of one entry of an index: `id,id,…` in a row, or `distance=id,…`. */
function tasksOf(first: number, member: string): Candidate[] {
  return member.split(',').map((text, i) => {
    const at = text.indexOf('=')
    return at === -1
      ? { id: text, number: first + i }
      : { id: text.slice(at + 1), number: first + Number(text.slice(0, at)) }
  })
}

function newestFirst(tasks: readonly Candidate[], below: number | null): readonly Candidate[] {
  const wanted = below === null ? tasks : tasks.filter(({ number }) => number < below)
  return [...wanted].sort((one, other) => other.number - one.number)
}

function encodeCursor(below: number): string {
  return `before-${below.toString(36)}`
}

function decodeCursor(cursor: string): number {
  if (!/^before-[0-9a-z]{1,11}$/.test(cursor)) {
    throw new TaskyardError('invalid_request', { reason: 'cursor: pass the nextCursor of the page before, unchanged' })
  }
  return Number.parseInt(cursor.slice('before-'.length), 36)
}
