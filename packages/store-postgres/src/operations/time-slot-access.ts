import { systemClock } from '@taskyard/core/runtime'
import type { Run } from '../database.ts'
import type { Maintenance } from '../maintenance.ts'
import { SLOTTED_TABLES } from './time-slot-tables.ts'

/** Changes of slots, each all or nothing, and one process at a time. */
export interface TimeSlotAccess {
  readonly maintenance: Maintenance
  /** `null` while another process changes slots. */
  change<Result>(work: (run: Run) => Promise<Result>): Promise<Result | null>
  /**
   * For changes that lock others out. `null` also while a transaction that takes long uses the tables. Rejects when the
   * tables were in use for too long all the same.
   */
  changeLocked<Result>(work: (run: Run) => Promise<Result>): Promise<Result | null>
}

const SHORT_WAIT_MS = 50
/** Transactions that take less are waited for: at first, and at most, where all of them are slow. */
const FIRST_WAIT_MS = 150
const LONGEST_WAIT_MS = 2_400

/**
 * Whoever waits for an exclusive lock holds up everybody who comes after. So it is not asked for while somebody holds one
 * for long, such as a dump, and no longer than the transactions of the others take.
 */
export function createTimeSlotAccess(maintenance: Maintenance): TimeSlotAccess {
  let waitMs = FIRST_WAIT_MS

  function change<Result>(work: (run: Run) => Promise<Result>, lockTimeoutMs = SHORT_WAIT_MS): Promise<Result | null> {
    return maintenance.transaction(async (run) => {
      await run(`SET LOCAL lock_timeout = ${lockTimeoutMs}`)
      const [locked] = await run<[string]>(
        `SELECT pg_try_advisory_xact_lock(hashtextextended('taskyard slots @slots', 0))`,
      )
      return locked?.[0] === 't' ? work(run) : null
    })
  }

  async function isUsedForLong(): Promise<boolean> {
    const before = new Set(await users(maintenance.run))
    if (before.size === 0) return false
    // Transactions take real time, whatever clock the tasks go by.
    await new Promise<void>((resolve) => {
      systemClock.after(waitMs, resolve)
    })
    return (await users(maintenance.run)).some((user) => before.has(user))
  }

  return {
    maintenance,
    change: (work) => change(work),
    async changeLocked(work) {
      const longest = waitMs
      waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)
      if (await isUsedForLong()) return null
      const result = await change(work, longest + SHORT_WAIT_MS)
      waitMs = FIRST_WAIT_MS
      return result
    },
  }
}

/** Transactions that use the slotted tables. */
async function users(run: Run): Promise<readonly string[]> {
  const tables = SLOTTED_TABLES.map((table) => `'@${table}'::regclass`)
  const rows = await run<[string]>(
    `SELECT DISTINCT virtualtransaction FROM pg_locks
     WHERE locktype = 'relation' AND granted AND relation IN (${tables.join(', ')}) AND pid IS DISTINCT FROM pg_backend_pid()
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  )
  return rows.map(([user]) => user)
}
