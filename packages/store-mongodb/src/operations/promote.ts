import type { Database } from '../database.ts'
import { LIGHT, type LightTask } from '../documents.ts'
import { promote } from '../transitions.ts'
import { apply } from '../write-transitions.ts'

/** Due tasks made ready in one step. */
const AT_ONCE = 1_000
/** Steps of one call; a burst beyond follows with the next one. */
const MOST_STEPS = 10

/**
 * Makes due tasks ready. Runs with everything that looks at ready tasks, so that none waits for a sweep; when nothing is
 * due it costs one look at the beginning of an index.
 */
export async function promoteDue(database: Database, now: number, limit = AT_ONCE * MOST_STEPS): Promise<number> {
  let promoted = 0
  while (promoted < limit) {
    const due = await database.tasks
      .find({ state: 'scheduled', runAt: { $lte: now } }, { projection: LIGHT })
      .sort({ runAt: 1 })
      .limit(Math.min(AT_ONCE, limit - promoted))
      .toArray()
    if (due.length === 0) break
    const transitions = due.map((task) => promote(task as LightTask))
    promoted += (await apply(database, transitions, now)).size
    if (due.length < AT_ONCE) break
  }
  return promoted
}
