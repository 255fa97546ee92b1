import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type OpenedStore, type TaskyardError, toJsonText } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'
import { openPostgresStore } from '@taskyard/store-postgres'
import { startServer } from '@taskyard/test-servers'
import pg from 'pg'
import { CLAIM, newTask, submissions } from './calls.ts'
import { withParameter } from './own-schema.ts'

// Run with a small disk of its own: the store's tables are there, fill it, and this tells what the store said each time.

const disk = process.argv[2] as string
const server = await startServer('postgres')
await makeTablespace()
const url = withParameter(server.url, 'options', '-c default_tablespace=small')
const store = await openPostgresStore({ url, clock: systemClock })
await store.lifecycle.migrate()
const accepted: string[] = []

tell('fresh', await tryEnqueue(store))
writeFileSync(join(disk, 'ballast'), Buffer.alloc(16 * 1024 * 1024))
tell('full', await enqueueUntilRefused(store))
tell('reading while full', {
  found: (await store.reads.find({ namespace: 'default', taskIds: accepted.slice(0, 1) })).length,
})
rmSync(join(disk, 'ballast'))
tell('space again', await tryEnqueue(store))
tell('health again', { healthy: (await store.lifecycle.health()).healthy })
const found = await store.reads.find({ namespace: 'default', taskIds: accepted })
const [counts] = await store.reads.counts({ namespace: 'default', queue: 'default' })
tell('kept', {
  missing: found.filter((task) => task === null).length,
  extra: (counts?.counts.queued ?? 0) - found.length,
})
tell('claimed', { some: (await store.tasks.claim(CLAIM)).length > 0 })
await store.lifecycle.close()
await server.destroy()

async function makeTablespace(): Promise<void> {
  const client = new pg.Client(server.url)
  await client.connect()
  const { rows } = await client.query(`SELECT current_setting('data_directory') AS data`)
  const { uid, gid } = statSync(rows[0].data)
  chmodSync(disk, 0o755)
  mkdirSync(join(disk, 'space'))
  chownSync(join(disk, 'space'), uid, gid)
  await client.query(`CREATE TABLESPACE small LOCATION '${join(disk, 'space')}'`)
  await client.end()
}

async function enqueueUntilRefused(target: OpenedStore): Promise<object> {
  for (let i = 0; i < 2000; i++) {
    const outcome = await tryEnqueue(target)
    if ('code' in outcome) return outcome
  }
  return { accepted: 'all' }
}

async function tryEnqueue(target: OpenedStore): Promise<object> {
  const task = newTask({ payload: toJsonText(randomBytes(30_000).toString('base64')) })
  try {
    await target.tasks.enqueue(submissions(task))
    accepted.push(task.id)
    return { accepted: true }
  } catch (error) {
    const { code, status, definite, message } = error as TaskyardError
    return { code, status, definite, message }
  }
}

function tell(when: string, what: object): void {
  process.stdout.write(`${JSON.stringify({ when, ...what })}\n`)
}
