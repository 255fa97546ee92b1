import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Figure, Scenario, ScenarioOptions } from '../scenario.ts'

export interface Repeated {
  readonly runs: readonly (readonly Figure[])[]
  /** Conditions that the runs recorded, each once. */
  readonly recorded: readonly string[]
}

/** Runs a scenario `runs` times, each in a directory of its own, and returns the figures of every run. */
export async function repeat(
  scenario: Scenario,
  options: ScenarioOptions,
  { runs, directory, tell }: { runs: number; directory: string; tell(line: string): void },
): Promise<Repeated> {
  mkdirSync(directory, { recursive: true })
  const results: (readonly Figure[])[] = []
  const recorded = new Set<string>()
  const record = (condition: string) => void recorded.add(condition)
  for (let run = 0; run < runs; run++) {
    tell(`${scenario.name}: run ${run + 1} of ${runs}`)
    const own = mkdtempSync(join(directory, `${scenario.name}-`))
    try {
      results.push(await scenario.run({ directory: own, run, options, tell: (line) => tell(`  ${line}`), record }))
    } finally {
      rmSync(own, { recursive: true, force: true })
    }
  }
  return { runs: results, recorded: [...recorded] }
}
