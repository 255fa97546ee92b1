import { type Clock, type Finding, finding } from '@taskyard/core'
import pg from 'pg'
import type { Run } from '../database.ts'
import { connectionOptions } from '../driver.ts'
import type { PostgresLocation } from '../location.ts'

const LONGEST_MS = 2000
const CHANNEL = 'taskyard:doctor'

/** Sends a notification the way that tasks go and waits for it where the store listens. */
export async function wakeUps(run: Run, location: PostgresLocation, clock: Clock): Promise<Finding> {
  const listener = new pg.Client(connectionOptions(location.listenString ?? location.connectionString))
  listener.on('error', () => {})
  const arrived = new Promise<boolean>((resolve) => {
    listener.on('notification', () => resolve(true))
    listener.on('end', () => resolve(false))
    clock.after(LONGEST_MS, () => resolve(false))
  })
  try {
    await listener.connect()
    await listener.query(`LISTEN "${CHANNEL}"`)
    await run('SELECT pg_notify($1, $2)', [CHANNEL, ''])
    if (await arrived) return finding.ok('wake-ups', 'LISTEN hears what NOTIFY sends')
  } finally {
    await listener.end().catch(() => {})
  }
  const detail = 'LISTEN hears nothing, as behind a pooler in transaction mode: tasks wait up to a second for a worker'
  return finding.warning(
    'wake-ups',
    detail,
    'Add ?listen=HOST:PORT to TASKYARD_STORE, where the server itself is reached.',
  )
}
