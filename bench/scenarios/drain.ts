import { fileURLToPath } from 'node:url'
import { runProgram } from '../processes/program.ts'
import type { DrainOptions, DrainResult } from '../programs/drain.ts'
import type { RunContext, Scenario } from '../scenario.ts'

const defaults = { tasks: 200_000 }
export const drainWorker = { concurrency: 100, prefetch: 2000 } as const

export const drain: Scenario = {
  name: 'drain',
  summary: 'library in one process: submit in batches, then drain with a no-op handler',
  settings(options) {
    const { tasks } = { ...defaults, ...options }
    return [
      `${tasks.toLocaleString('en-US')} tasks with a 200-byte payload, submitted in batches of 1,000, 4 at a time`,
      `drained by one in-process worker, concurrency ${drainWorker.concurrency}, prefetch ${drainWorker.prefetch}, handler returns {"ok":true}, results kept`,
      'the clock of the drain runs from work() until every settlement is committed and synced',
    ]
  },
  async run(context) {
    const { tasks } = { ...defaults, ...context.options }
    const result = await runDrain(context, tasks)
    context.tell(`drained ${Math.round(result.drainedPerSecond)} tasks/s`)
    return [
      { name: 'drained', unit: 'tasks/s', value: result.drainedPerSecond, target: { atLeast: 80_000 } },
      { name: 'submitted in batches', unit: 'tasks/s', value: result.submittedPerSecond },
    ]
  },
}

export function runDrain({ directory }: RunContext, tasks: number): Promise<DrainResult> {
  const options: DrainOptions = { path: `${directory}/drain.db`, tasks, batch: 1000, parallel: 4, worker: drainWorker }
  return runProgram<DrainResult>({ script: fileURLToPath(new URL('../programs/drain.ts', import.meta.url)), options })
}
