import { firstIdAt } from '../id-times.ts'
import type { Maintenance } from '../maintenance.ts'
import type { TimeSlotAccess } from './time-slot-access.ts'
import { type Proof, SLOTTED_TABLES, type Span } from './time-slot-tables.ts'

/** Looking through a table of the rest that takes less is quick enough to be done while everybody waits. */
const WORTH_A_PROOF_BYTES = 1024 * 1024

/** A slow disk. */
const READ_BYTES_PER_MS = 20_000

/**
 * Proves that the rest has no tasks of a span of time, and sees to it that it gets none. Without it the server would look
 * through all of the rest when a slot is attached, while everybody waits. `false` when that has to wait.
 */
export async function proveOutside(access: TimeSlotAccess, proof: Proof, { fromAt, toAt }: Span): Promise<boolean> {
  const { maintenance, changeLocked } = access
  for (const table of await largeTables(maintenance)) {
    const isAsked = await changeLocked(async (run) => {
      await run(`ALTER TABLE ${table} DROP CONSTRAINT IF EXISTS ${proof}`)
      await run(
        `ALTER TABLE ${table} ADD CONSTRAINT ${proof} CHECK (id < '${firstIdAt(fromAt)}' OR id >= '${firstIdAt(toAt)}') NOT VALID`,
      )
      return true
    })
    if (isAsked === null) return false
    await maintenance.run(`ALTER TABLE ${table} VALIDATE CONSTRAINT ${proof}`)
  }
  return true
}

/** Reading the rest takes no longer. Milliseconds. */
export async function longestProof({ run }: Maintenance): Promise<number> {
  const sizes = SLOTTED_TABLES.map((table) => `pg_relation_size('@${table}_kept')`)
  const [row] = await run<[string]>(`SELECT ${sizes.join(' + ')}`)
  return Number(row?.[0]) / READ_BYTES_PER_MS
}

async function largeTables({ run }: Maintenance): Promise<readonly string[]> {
  const tables = SLOTTED_TABLES.map((table) => `('@${table}_kept')`)
  const rows = await run<[string]>(
    `SELECT name FROM (VALUES ${tables.join(', ')}) AS t (name) WHERE pg_relation_size(name::regclass) >= $1`,
    [WORTH_A_PROOF_BYTES],
  )
  return rows.map(([name]) => name)
}

const NEW: Proof = 'outside_new'

/** A task was refused because of a proof for a slot that was to be made: its process has died, or the task's clock is ahead. */
export function isRefusedByProof(error: unknown): boolean {
  const { constraint } = ((error as { cause?: unknown } | null)?.cause ?? {}) as { constraint?: unknown }
  return constraint === NEW
}

/** Tasks of that time are taken again. */
export async function dropProof({ transaction }: Maintenance): Promise<void> {
  await transaction(async (run) => {
    await run(`SET LOCAL lock_timeout = '2s'`)
    for (const table of SLOTTED_TABLES) await run(`ALTER TABLE @${table}_kept DROP CONSTRAINT IF EXISTS ${NEW}`)
  })
}
