import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Figure, Scenario, ScenarioOptions } from '../scenario.ts'

/** Runs a scenario `runs` times, each in a directory of its own, and returns the figures of every run. */
export async function repeat(
  scenario: Scenario,
  options: ScenarioOptions,
  { runs, directory, tell }: { runs: number; directory: string; tell(line: string): void },
): Promise<readonly (readonly Figure[])[]> {
  mkdirSync(directory, { recursive: true })
  const results: (readonly Figure[])[] = []
  for (let run = 0; run < runs; run++) {
    tell(`${scenario.name}: run ${run + 1} of ${runs}`)
    const own = mkdtempSync(join(directory, `${scenario.name}-`))
    try {
      results.push(await scenario.run({ directory: own, run, options, tell: (line) => tell(`  ${line}`) }))
    } finally {
      rmSync(own, { recursive: true, force: true })
    }
  }
  return results
}
