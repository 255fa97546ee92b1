import { type LeasedTask, toJsonText } from '@taskyard/core'
import type { UseCases } from '@taskyard/engine'
import type { HistoryEvent } from './history.ts'

export const LEASE_SECONDS = 5

interface SmallWorkerParams {
  readonly calls: UseCases
  readonly history: HistoryEvent[]
  readonly now: () => number
}

/** A worker of the small system, which does what it is told to. */
export function startWorker(worker: string, { calls, history, now }: SmallWorkerParams) {
  const session = calls.openSession({ workerId: worker, queues: ['default'], onCancel() {} })
  const refs = (tasks: readonly LeasedTask[]) => tasks.map(({ id, lease }) => ({ taskId: id, token: lease.token }))

  async function claim(limit: number): Promise<readonly LeasedTask[]> {
    const sentAt = now()
    const ref = { workerId: worker, nodeId: null, session: true }
    const tasks = await calls.claim({ worker: ref, queues: ['default'], limit, leaseSeconds: LEASE_SECONDS })
    const leases = tasks.map((task) => ({ id: task.id, token: task.lease.token, key: keyOf(task) }))
    history.push({ e: 'claim', sentAt, at: now(), worker, tasks: leases })
    for (const task of tasks) {
      const { id, attempt, lease } = task
      history.push({ e: 'start', at: now(), worker, id, token: lease.token, attempt, key: keyOf(task) })
    }
    return tasks
  }

  async function settle(tasks: readonly LeasedTask[]): Promise<void> {
    const sentAt = now()
    const outcomes = refs(tasks).map((ref) => {
      return { ...ref, outcome: 'succeeded' as const, result: toJsonText({ token: ref.token }) }
    })
    const { results } = await calls.settle(outcomes)
    for (const [index, { taskId, token, outcome }] of outcomes.entries()) {
      const answer = results[index]?.status ?? 'unknown'
      history.push({ e: 'settle', sentAt, at: now(), worker, id: taskId, token, outcome, answer })
    }
  }

  return {
    claim,
    settle,
    async workUntilIdle() {
      for (let tasks = await claim(10); tasks.length > 0; tasks = await claim(10)) await settle(tasks)
    },
    async heartbeat(tasks: readonly LeasedTask[]) {
      const sentAt = now()
      const results = await calls.heartbeat(refs(tasks), LEASE_SECONDS)
      const granted = refs(tasks).filter((_, index) => results[index] === 'ok')
      const leases = granted.map(({ taskId, token }) => ({ id: taskId, token }))
      history.push({ e: 'extend', sentAt, at: now(), worker, leases })
    },
    async record(tasks: readonly LeasedTask[]) {
      const sentAt = now()
      const results = await calls.record(refs(tasks).map((ref) => ({ ...ref, log: `token ${ref.token}` })))
      for (const [index, { taskId, token }] of refs(tasks).entries()) {
        const answer = results[index] ?? 'unknown'
        history.push({ e: 'record', sentAt, at: now(), worker, id: taskId, token, answer })
      }
    },
    kill() {
      history.push({ e: 'fault', at: now(), kind: 'kill', target: worker, point: 'random' })
      session.close()
    },
    stop: () => history.push({ e: 'fault', at: now(), kind: 'stop', target: worker, point: 'random' }),
    continue: () => history.push({ e: 'fault', at: now(), kind: 'continue', target: worker, point: 'random' }),
  }
}

function keyOf(task: LeasedTask): string {
  return (JSON.parse(task.payload) as { key: string }).key
}
