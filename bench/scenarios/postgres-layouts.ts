import { fileURLToPath } from 'node:url'
import { layouts } from '../layouts/layouts.ts'
import { startPostgres } from '../processes/databases.ts'
import { runProgram } from '../processes/program.ts'
import type { LayoutDrainOptions, LayoutDrainResult } from '../programs/layout-drain.ts'
import type { Figure, Scenario } from '../scenario.ts'
import { inTurns } from './turns.ts'

const defaults = { tasks: 100_000 }
const [batch, claimers] = [1000, 2]

export const postgresLayouts: Scenario = {
  name: 'postgres-layouts',
  summary: 'three ways to lay tasks out in PostgreSQL, by bare statements',
  defaultRuns: 5,
  settings(options) {
    const { tasks } = { ...defaults, ...options }
    return [
      `${tasks.toLocaleString('en-US')} tasks with a 200-byte payload, in batches of ${batch} over ${claimers} connections, then VACUUM ANALYZE, then`,
      `claimed and settled 500 at a time by ${claimers} claimers, every statement a transaction; payloads, ends and results are kept`,
    ]
  },
  async run({ run, options, record, tell }) {
    const { tasks } = { ...defaults, ...options }
    const server = await startPostgres()
    for (const condition of server.conditions) record(condition)
    const figures: Figure[] = []
    try {
      for (const { name } of inTurns(layouts, run)) {
        const found = await server.withDatabase((url) => drain({ url, layout: name, tasks, batch, claimers }))
        tell(`${name}: submit ${Math.round(found.submitPerSecond)}/s, drain ${Math.round(found.drainPerSecond)}/s`)
        figures.push(
          { name: `${name}: submit`, unit: 'tasks/s', value: found.submitPerSecond },
          { name: `${name}: drain`, unit: 'tasks/s', value: found.drainPerSecond },
        )
      }
    } finally {
      await server.destroy()
    }
    return figures.toSorted((one, other) => one.name.localeCompare(other.name))
  },
}

function drain(options: LayoutDrainOptions): Promise<LayoutDrainResult> {
  const script = fileURLToPath(new URL('../programs/layout-drain.ts', import.meta.url))
  return runProgram<LayoutDrainResult>({ script, options })
}
