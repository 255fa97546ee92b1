import type { Entrant } from '../contenders/line-up.ts'
import type { ScenarioOptions } from '../scenario.ts'

/** Who goes first alternates from run to run. */
export function inTurns<Item>(items: readonly Item[], run: number): readonly Item[] {
  return run % 2 === 0 ? items : items.toReversed()
}

/** Those of the line-up that were asked for; all when nobody was. */
export function selected(lineUp: readonly Entrant[], { only }: ScenarioOptions): readonly Entrant[] {
  if (only === undefined) return lineUp
  const names = lineUp.map(({ name }) => name)
  const unknown = only.filter((name) => !names.includes(name))
  if (unknown.length > 0) throw new Error(`no ${unknown.join(', ')} here; there are ${names.join(', ')}`)
  return lineUp.filter(({ name }) => only.includes(name))
}
