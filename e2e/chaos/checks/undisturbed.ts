import type { Story } from '../story.ts'
import { roleOf } from '../target.ts'

/** The database was up, and some server, and nobody touched these two all that time. */
export function wasServed(story: Story, from: number, to: number): boolean {
  return databaseUndisturbed(story, from, to) && someServerUndisturbed(story, from, to)
}

function databaseUndisturbed(story: Story, from: number, to: number): boolean {
  return isUp(story.database, from, to, 'up') && !wasStopped(story, 'database', from, to)
}

function someServerUndisturbed(story: Story, from: number, to: number): boolean {
  const servers = Map.groupBy(story.server, ({ server }) => server)
  return [...servers].some(([name, events]) => isUp(events, from, to, 'down') && !wasStopped(story, name, from, to))
}

interface Change {
  readonly at: number
  readonly state: 'up' | 'down'
}

function isUp(changes: readonly Change[], from: number, to: number, initially: Change['state']): boolean {
  const before = changes.findLast(({ at }) => at <= from)?.state ?? initially
  return before === 'up' && !changes.some(({ at }) => at > from && at < to)
}

function wasStopped({ faults }: Story, name: string, from: number, to: number): boolean {
  const stops = faults.filter(({ target, kind }) => target === name && (kind === 'stop' || kind === 'continue'))
  return stops.findLast(({ at }) => at <= from)?.kind === 'stop' || stops.some(({ at }) => at > from && at < to)
}

/** Nothing was done to this worker in that time. */
export function wasWell({ faults }: Story, worker: string, from: number, to: number): boolean {
  const own = faults.filter(({ target, kind }) => roleOf(target) === 'worker' && target === worker && kind !== 'cut')
  return own.findLast(({ at }) => at <= from)?.kind !== 'stop' && !own.some(({ at }) => at > from && at < to)
}
