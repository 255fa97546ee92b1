import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '../real-time.ts'
import { type Calls, idsOf, leaseRef } from '../test-bed.ts'
import { throughOutages } from '../through-outages.ts'

/** Submitters and workers that repeat what failed, as clients do, in several processes. */
export interface Load {
  /** The tasks whose submission was acknowledged. */
  readonly accepted: ReadonlySet<string>
  /** Resolves when some more tasks have been submitted, and some more have ended. */
  goesOn(): Promise<void>
  /** Submits no more; resolves when every accepted task has ended. */
  stop(): Promise<void>
}

/** Longer than a worker takes, and short enough to wait for: the reply of a claim may be lost. */
const LEASE_MS = 3_000

const LONGEST_WAIT_MS = 60_000

/** Starts two submitters, two workers and a sweeper in each process, which go on until `stop`. */
export function startLoad(processes: readonly Calls[]): Load {
  const accepted = new Set<string>()
  const ended = new Set<string>()
  let failure: unknown = null
  let submitting = true
  let working = true

  async function submit(calls: Calls): Promise<void> {
    while (submitting) {
      const tasks = Array.from({ length: 3 }, () => calls.newTask())
      await throughOutages('enqueue', () => calls.enqueue([tasks]))
      for (const id of idsOf(tasks)) accepted.add(id)
      await delay(5)
    }
  }

  async function work(calls: Calls): Promise<void> {
    while (working) {
      for (const id of await claimAndSettle(calls)) ended.add(id)
    }
  }

  async function sweep(calls: Calls): Promise<void> {
    while (working) {
      await throughOutages('sweep', () => calls.sweep())
      await delay(200)
    }
  }

  const fail = (error: unknown) => {
    failure ??= error
  }
  const run = (loops: readonly Promise<void>[]) => Promise.all(loops).then(() => {}, fail)
  const submitters = run(processes.flatMap((calls) => [submit(calls), submit(calls)]))
  const workers = run(processes.flatMap((calls) => [work(calls), work(calls), sweep(calls)]))

  function wait(what: string, check: () => boolean): Promise<void> {
    return eventually(what, LONGEST_WAIT_MS, () => failure !== null || check()).then(() => {
      if (failure !== null) throw failure
    })
  }

  return {
    accepted,
    goesOn() {
      const [submitted, done] = [accepted.size, ended.size]
      return wait('the load goes on', () => accepted.size >= submitted + 20 && ended.size >= done + 20)
    },
    async stop() {
      submitting = false
      await submitters
      await wait('every accepted task ends', () => [...accepted].every((id) => ended.has(id)))
      working = false
      await workers
      if (failure !== null) throw failure
    },
  }
}

/** Gives the tasks that it has ended. */
async function claimAndSettle(calls: Calls): Promise<readonly string[]> {
  const tasks = await throughOutages('claim', () => calls.claim({ limit: 5, leaseMs: LEASE_MS }))
  if (tasks.length === 0) await delay(20)
  const leases = tasks.map(leaseRef)
  await throughOutages('extend', () => calls.store.tasks.extend({ namespace: 'default', leases, leaseMs: LEASE_MS }))
  const settlements = leases.map((lease) => ({ ...lease, outcome: 'succeeded', result: null }) as const)
  const { results } = await throughOutages('settle', () =>
    calls.store.tasks.settle({ namespace: 'default', settlements, claim: null }),
  )
  return idsOf(tasks).filter((_, n) => results[n]?.status === 'ok')
}
