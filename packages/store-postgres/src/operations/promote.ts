import type { StoreContext } from '../store-context.ts'

/** Makes due tasks ready and says how many; one look at an index when nothing is due. */
export async function promoteDue({ database, time, publishReady }: StoreContext): Promise<number> {
  const rows = await database.run<[lane: string, promoted: string]>(
    'SELECT lane, promoted FROM @promote_due_2($1, $2)',
    time.params(),
  )
  if (rows.length === 0) return 0
  publishReady(rows.map(([lane]) => Number(lane)))
  return rows.reduce((sum, [, promoted]) => sum + Number(promoted), 0)
}
