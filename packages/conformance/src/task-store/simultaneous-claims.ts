import assert from 'node:assert/strict'
import type { LeasedTask } from '@taskyard/core'
import { type Calls, succeeded } from '../test-bed.ts'

/** A claim that can be repeated. */
export const REQUEST = { requestId: 'request-1', limit: 2 }

/** Claims of one name at the same time, again and again: they get the tasks of one claim, and hold no others. */
export async function assertSimultaneousClaims(processes: readonly Calls[], rounds = 20): Promise<void> {
  const [calls] = processes as readonly [Calls, ...Calls[]]
  for (let round = 0; round < rounds; round++) {
    const queue = `queue-${round}`
    await calls.enqueue([Array.from({ length: 3 * REQUEST.limit }, () => calls.newTask({ queue }))])
    const answers = await Promise.all(processes.map((process) => process.claim({ ...REQUEST, queues: [queue] })))
    const given = new Set(answers.filter((tasks) => tasks.length > 0).map((tasks) => leasesOf(tasks).join()))
    assert.ok(given.size <= 1, `different tasks are given: ${[...given].join(' and ')}`)
    const held = await calls.claim({ ...REQUEST, queues: [queue] })
    assert.equal((await calls.counts(queue)).counts.running, held.length)
    if (given.size === 1) assert.deepEqual(leasesOf(held).join(), [...given][0])
    for (const task of held) await calls.settle(task, succeeded())
  }
}

/** The leases of these tasks, to compare with others. */
export function leasesOf(tasks: readonly LeasedTask[]): readonly string[] {
  return tasks.map(({ id, lease }) => `${id} ${lease.token}`).sort()
}
