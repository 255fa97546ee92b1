import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type OpenedStore, type TaskyardError, toJsonText } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'
import { openSqliteStore } from '../src/index.ts'
import { newTask, submissions } from './test-bed.ts'

// Run on a small disk of its own: fills it, makes it read-only, and tells what the store said each time.

const disk = process.argv[2] as string
const store = await openSqliteStore({ path: join(disk, 'tasks.db'), clock: systemClock })
const accepted: string[] = []

tell('fresh', await tryEnqueue(store))
writeFileSync(join(disk, 'ballast'), Buffer.alloc(12 * 1024 * 1024))
tell('full', await enqueueUntilRefused(store))
tell('health while full', await health(store))
rmSync(join(disk, 'ballast'))
tell('space again', await tryEnqueue(store))
tell('health again', await health(store))
const found = await store.reads.find({ namespace: 'default', taskIds: accepted })
const counts = await store.reads.counts({ namespace: 'default', queue: 'default' })
tell('kept', {
  acknowledged: accepted.length,
  missing: found.filter((task) => task === null).length,
  queued: counts[0]?.counts.queued,
})
await store.lifecycle.close()

execFileSync('mount', ['-o', 'remount,ro', disk])
tell('read-only', await openSqliteStore({ path: join(disk, 'tasks.db'), clock: systemClock }).then(() => ({}), refusal))

async function enqueueUntilRefused(target: OpenedStore): Promise<object> {
  for (let i = 0; i < 1000; i++) {
    const outcome = await tryEnqueue(target)
    if ('code' in outcome) return outcome
  }
  return { accepted: 'all' }
}

async function tryEnqueue(target: OpenedStore): Promise<object> {
  const task = newTask({ payload: toJsonText('x'.repeat(100_000)) })
  try {
    await target.tasks.enqueue(submissions(task))
    accepted.push(task.id)
    return { accepted: true }
  } catch (error) {
    return refusal(error)
  }
}

async function health(target: OpenedStore): Promise<object> {
  const { healthy, reason, code } = await target.lifecycle.health()
  return { healthy, reason, code }
}

function refusal(error: unknown): object {
  const { code, status, definite, message } = error as TaskyardError
  return { code, status, definite, message }
}

function tell(when: string, what: object): void {
  process.stdout.write(`${JSON.stringify({ when, ...what })}\n`)
}
