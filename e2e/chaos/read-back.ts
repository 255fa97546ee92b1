import type { Agent } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { type EmbeddedRunEvent, monotonicMs, type WriteHistory } from './history.ts'
import { call } from './http-call.ts'
import { EMBEDDED_QUEUE, EMBEDDED_TYPE, REMOTE_QUEUE } from './options.ts'
import type { ServerControl } from './server-control.ts'

interface Source {
  readonly url: string
  readonly agent: Agent
}

/** Resolves when nothing waits or runs any more, or with what still does when that takes too long. */
export async function untilIdle(source: Source, withinMs: number): Promise<number> {
  const since = monotonicMs()
  for (;;) {
    const open = (await openTasks(source, REMOTE_QUEUE)) + (await openTasks(source, EMBEDDED_QUEUE))
    if (open === 0 || monotonicMs() - since > withinMs) return open
    await delay(1000)
  }
}

async function openTasks(source: Source, queue: string): Promise<number> {
  type Counts = Readonly<Record<'queued' | 'scheduled' | 'blocked' | 'running', number>>
  const { counts } = await get<{ counts: Counts }>(source, `/api/v1/queues/${queue}`)
  return counts.queued + counts.scheduled + counts.blocked + counts.running
}

/** Writes down every task there is, and the attempts of embedded ones that needed more than one. */
export async function readBack(source: Source, servers: readonly ServerControl[], write: WriteHistory): Promise<void> {
  const embedded: string[] = []
  let cursor: string | null = null
  do {
    const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const page: Page = await get<Page>(source, `/api/v1/tasks?limit=200${query}`)
    for (const task of page.items) {
      writeFinal(task, write)
      if (task.type === EMBEDDED_TYPE && (task.attempt > 1 || task.crashes > 0)) embedded.push(task.id)
    }
    cursor = page.nextCursor
  } while (cursor !== null)
  for (const id of embedded) await readAttempts(source, id, servers, write)
}

interface Page {
  readonly items: readonly Task[]
  readonly nextCursor: string | null
}

interface Task {
  readonly id: string
  readonly type: string
  readonly status: string
  readonly attempt: number
  readonly crashes: number
  readonly error: { readonly code: string } | null
  readonly result: { readonly token?: number } | null
  readonly payload: { readonly key?: string; readonly doomed?: boolean; readonly fail?: boolean | number } | null
}

function writeFinal({ id, status, payload, error, result, attempt, crashes }: Task, write: WriteHistory): void {
  const doomed = payload?.doomed === true || payload?.fail === true
  write({
    e: 'final',
    at: monotonicMs(),
    id,
    key: payload?.key ?? '(no key)',
    status,
    code: error?.code ?? null,
    wanted: doomed ? 'failed' : 'succeeded',
    resultToken: result?.token ?? null,
    attempt,
    crashes,
  })
}

interface TaskEvent {
  readonly at: string
  readonly kind: string
  readonly attempt: number
  readonly data: { readonly workerId?: string } | null
}

/** Ends that are not the worker's word. */
const silentEnds = new Set(['lease-expired'])
const ends = new Set(['succeeded', 'failed', 'cancelled', 'retry-scheduled', 'released', ...silentEnds])

async function readAttempts(
  source: Source,
  id: string,
  servers: readonly ServerControl[],
  write: WriteHistory,
): Promise<void> {
  const { events } = await get<{ events: readonly TaskEvent[] }>(source, `/api/v1/tasks/${id}/events`)
  const wallToMonotonic = monotonicMs() - Date.now()
  const time = ({ at }: TaskEvent) => Date.parse(at) + wallToMonotonic
  for (const [index, event] of events.entries()) {
    if (event.kind !== 'started') continue
    const end = events.slice(index + 1).find(({ kind }) => ends.has(kind) || kind === 'started')
    const said = end === undefined || end.kind === 'started' || silentEnds.has(end.kind) ? null : time(end)
    const attempt: EmbeddedRunEvent = {
      e: 'embedded-run',
      id,
      server: serverOf(event.data?.workerId ?? '', servers),
      attempt: event.attempt,
      startedAt: time(event),
      endedAt: said,
      end: end?.kind ?? null,
    }
    write(attempt)
  }
}

/** An embedded worker is named after its process: `<hostname>-<pid>-<6 random characters>`. */
function serverOf(workerId: string, servers: readonly ServerControl[]): string {
  const pid = Number(workerId.split('-').at(-2))
  return servers.find(({ pids }) => pids.has(pid))?.name ?? 'unknown'
}

/** A server that is busy with what it has put off may be without an answer for a while. */
const TIMEOUT_MS = 60_000

async function get<Body>({ url, agent }: Source, path: string): Promise<Body> {
  for (const since = monotonicMs(); ; await delay(500)) {
    const answer = await call(agent, { method: 'GET', url: url + path }).catch(() => null)
    if (answer?.status === 200) return JSON.parse(answer.body) as Body
    if (monotonicMs() - since > TIMEOUT_MS) throw new Error(`${path} answered ${answer?.status}: ${answer?.body}`)
  }
}
