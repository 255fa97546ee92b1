import type { Parts } from '../parts.ts'

/** Due tasks made ready in one go. A burst beyond it follows with the next call. */
export const DUE_AT_ONCE = 10_000

/** Makes due tasks ready and says how many; one look at an index when nothing is due. */
export async function promoteDue({ database, time, readied }: Parts, limit = DUE_AT_ONCE): Promise<number> {
  const rows = await database.run<[lane: string, promoted: string]>(
    'SELECT lane, promoted FROM @promote_due($1, $2, $3)',
    [...time.params(), limit],
  )
  if (rows.length === 0) return 0
  readied(rows.map(([lane]) => Number(lane)))
  return rows.reduce((sum, [, promoted]) => sum + Number(promoted), 0)
}
