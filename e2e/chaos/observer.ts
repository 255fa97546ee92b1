import type { FaultPoints } from './fault-points.ts'
import { monotonicMs, type WriteHistory } from './history.ts'
import type { Cut, ProxiedCall, Tap } from './proxy.ts'

export interface Observer {
  /** Whose calls pass here; `null`: the load's. */
  readonly worker: string | null
  readonly write: WriteHistory
  readonly faultPoints: FaultPoints
  readonly random: () => number
  /** Share of the calls that are cut. */
  readonly cutShare: number
}

/** Writes down what passes between one caller and the servers, reports the fault points, and cuts a share of the calls. */
export function observe({ worker, write, faultPoints, random, cutShare }: Observer): Tap {
  const target = worker ?? 'load'
  const { unsettled, claimed, settled, extended, recorded } = createRecorder({ write, faultPoints })
  return {
    now: monotonicMs,
    cut: () =>
      random() < cutShare ? ((['unsent', 'unanswered', 'half'] as const)[Math.floor(random() * 3)] as Cut) : 'whole',
    onCut: (path, cut) =>
      write({ e: 'fault', at: monotonicMs(), kind: 'cut', target, point: `${operation(path)} ${cut}` }),
    onSent({ path, server }) {
      const name = operation(path)
      if (name === 'submit') faultPoints.reach('submit-sent', { worker, server })
      if (name === 'settle') faultPoints.reach('settle-sent', { worker, server })
      if (name === 'heartbeat') faultPoints.reach('heartbeat-sent', { worker, server })
    },
    onAnswer(call, status, body) {
      const name = operation(call.path)
      if (name === 'submit') faultPoints.reach('submit-answered', { worker, server: call.server })
      if (worker === null) return
      if (status !== 200) return name === 'settle' ? unsettled(worker, call) : undefined
      if (name === 'claim') claimed(worker, call, body)
      if (name === 'settle') settled(worker, call, body)
      if (name === 'heartbeat') extended(worker, call, body)
      if (name === 'record') recorded(worker, call, body)
    },
    onBroken(call) {
      if (worker !== null && operation(call.path) === 'settle') unsettled(worker, call)
    },
  }
}

/** Writes down what a worker was answered. */
function createRecorder({ write, faultPoints }: Pick<Observer, 'write' | 'faultPoints'>) {
  /** No answer, or one that the store could not be reached: it may have been carried out all the same. */
  function unsettled(worker: string, call: ProxiedCall): void {
    const { outcomes } = JSON.parse(call.body) as SettleBody
    for (const { taskId, token, outcome } of outcomes) {
      write({ e: 'settle', ...times(call), worker, id: taskId, token, outcome, answer: 'unknown' })
    }
  }

  function claimed(worker: string, call: ProxiedCall, body: string): void {
    const { tasks } = JSON.parse(body) as { tasks?: LeasedTask[] }
    if (tasks === undefined || tasks.length === 0) return
    const leases = tasks.map(({ id, lease, payload }) => ({ id, token: lease.token, key: payload?.key ?? null }))
    write({ e: 'claim', ...times(call), worker, tasks: leases })
    faultPoints.reach('claim-answered', { worker, server: call.server })
  }

  function settled(worker: string, call: ProxiedCall, body: string): void {
    const { outcomes } = JSON.parse(call.body) as SettleBody
    const { results } = JSON.parse(body) as Results<'ok' | 'lost'>
    for (const [index, { taskId, token, outcome }] of outcomes.entries()) {
      const answer = results[index]?.status ?? 'unknown'
      write({ e: 'settle', ...times(call), worker, id: taskId, token, outcome, answer })
    }
    claimed(worker, call, body)
    faultPoints.reach('settle-answered', { worker, server: call.server })
  }

  function extended(worker: string, call: ProxiedCall, body: string): void {
    const { leases } = JSON.parse(call.body) as { leases: Ref[] }
    const { results } = JSON.parse(body) as Results<'ok' | 'lost' | 'cancel'>
    const granted = leases.filter((_, index) => results[index]?.status === 'ok')
    const refs = granted.map(({ taskId, token }) => ({ id: taskId, token }))
    if (refs.length > 0) write({ e: 'extend', ...times(call), worker, leases: refs })
  }

  function recorded(worker: string, call: ProxiedCall, body: string): void {
    const { entries } = JSON.parse(call.body) as { entries: Ref[] }
    const { results } = JSON.parse(body) as Results<'ok' | 'lost'>
    for (const [index, { taskId, token }] of entries.entries()) {
      const answer = results[index]?.status ?? 'unknown'
      write({ e: 'record', ...times(call), worker, id: taskId, token, answer })
    }
  }

  return { unsettled, claimed, settled, extended, recorded }
}

interface Ref {
  readonly taskId: string
  readonly token: number
}

interface SettleBody {
  readonly outcomes: readonly (Ref & { readonly outcome: 'succeeded' | 'failed' | 'cancelled' | 'released' })[]
}

interface Results<Status> {
  readonly results: readonly { readonly status: Status }[]
}

interface LeasedTask {
  readonly id: string
  readonly payload: { readonly key?: string } | null
  readonly lease: { readonly token: number }
}

function times({ sentAt }: ProxiedCall): { sentAt: number; at: number } {
  return { sentAt, at: monotonicMs() }
}

type Operation = 'submit' | 'claim' | 'settle' | 'heartbeat' | 'record' | 'session' | 'other'

function operation(path: string): Operation {
  if (path === '/api/v1/tasks' || path === '/api/v1/tasks/batch') return 'submit'
  if (path === '/api/v1/leases') return 'claim'
  const lease = /^\/api\/v1\/leases\/(settle|heartbeat|record)$/.exec(path)
  if (lease !== null) return lease[1] as Operation
  return path.includes('/session') ? 'session' : 'other'
}
