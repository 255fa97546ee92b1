import { fileURLToPath } from 'node:url'
import { runProgram } from '../processes/program.ts'
import { withStore } from '../processes/with-store.ts'
import type { AgeingOptions, AgeingResult } from '../programs/ageing.ts'
import type { Figure, RunContext, Scenario } from '../scenario.ts'

const defaults = { finished: 5_000_000, waiting: 1_000_000, days: 30, store: 'postgres' }

export const ageing: Scenario = {
  name: 'ageing',
  summary: 'calls beside retention while a store grows 30 days older',
  defaultRuns: 1,
  settings(options) {
    const { finished, waiting, days, store } = { ...defaults, ...options }
    return [
      `a store on ${store} that grows ${days} days older, by its own clock: ${finished.toLocaleString('en-US')} tasks finish, evenly, 1 % of them failed`,
      `${waiting.toLocaleString('en-US')} tasks of the first third of these days wait in a paused queue to the end`,
      'succeeded tasks are kept for 7 days, failed ones for 30; sweeps each second, and at once while one has more to do',
      'after each day time stands still: 100 submits of a task and 100 claims (then settled) a second, for 4 s without ' +
        'retention, then until it has removed nothing for 8 s; the same 8 and 31 days after the last day, until nothing is removed for 30 s',
    ]
  },
  run: (context) => withStore(context, { ...defaults, ...context.options }.store, (url) => age(context, url)),
}

async function age({ options, tell }: RunContext, url: string): Promise<readonly Figure[]> {
  const { finished, waiting, days } = { ...defaults, ...options }
  const script = fileURLToPath(new URL('../programs/ageing.ts', import.meta.url))
  const program: AgeingOptions = { url, finished, waiting, days }
  const { without, during, sweeps, removed, left } = await runProgram<AgeingResult>({ script, options: program, tell })
  const figures: Figure[] = []
  for (const call of ['submit', 'claim'] as const) {
    const [quiet, busy] = [without[call], during[call]]
    figures.push(
      { name: `${call} p50, without retention`, unit: 'ms', value: quiet.p50Ms },
      { name: `${call} p99, without retention`, unit: 'ms', value: quiet.p99Ms },
      { name: `${call} max, without retention`, unit: 'ms', value: quiet.maxMs },
      { name: `${call} p50, during`, unit: 'ms', value: busy.p50Ms },
      { name: `${call} p99, during`, unit: 'ms', value: busy.p99Ms },
      { name: `${call} max, during`, unit: 'ms', value: busy.maxMs, target: { atMost: 250 } },
      { name: `${call} p99, during ÷ without`, unit: '×', value: busy.p99Ms / quiet.p99Ms, target: { atMost: 2 } },
    )
  }
  return [
    ...figures,
    { name: 'sweep p50', unit: 'ms', value: sweeps.p50Ms },
    { name: 'sweep max', unit: 'ms', value: sweeps.maxMs },
    { name: 'removed in all', unit: 'tasks', value: removed.total },
    { name: 'removed, told by one sweep, most', unit: 'tasks', value: removed.mostPerSweep },
    { name: 'left in the end', unit: 'tasks', value: left, target: { atMost: 0 } },
  ]
}
