import { fileURLToPath } from 'node:url'
import type { ContenderRef } from '../contenders/contender.ts'
import type { Entrant, Tuning, Work } from '../contenders/line-up.ts'
import type { CallRate } from '../load/call-rate.ts'
import type { DatabaseServer } from '../processes/databases.ts'
import { runProgram } from '../processes/program.ts'
import { drain } from '../processes/worker-fleet.ts'
import type { ContenderFillOptions } from '../programs/contender-fill.ts'
import type { ContenderLatencyOptions } from '../programs/contender-latency.ts'
import type { ContenderSubmitOptions } from '../programs/contender-submit.ts'
import type { LatencyResult } from '../programs/latency.ts'
import type { Measurement } from '../report/contest-figures.ts'
import type { RunContext, ScenarioOptions } from '../scenario.ts'

export const contestDefaults = { tasks: 100_000, connections: 100, seconds: 3, warmupSeconds: 2, finished: 1_000_000 }
export const batchOf = 1000
export const batchCallers = 4
export const latencyRate = 200

type Sizes = typeof contestDefaults & ScenarioOptions

/** Something that happens beside a drain. */
export interface Surroundings {
  /** Before the first task is submitted, on the database in use. Gives what ends it after the drain. */
  begin(url: string, entrant: Entrant): Promise<() => Promise<void>>
  /** The drain's name in reports. */
  readonly label: string
}

/** One entrant at one work, once with each of its tunings. */
export async function measureWork(
  server: DatabaseServer,
  work: Work,
  entrant: Entrant,
  context: RunContext,
  surroundings?: Surroundings,
): Promise<readonly Measurement[]> {
  const measured: Measurement[] = []
  for (const tuning of entrant.tunings[work] ?? []) {
    const found = await server.withDatabase((url) => {
      const contender = { module: entrant.module, url, settings: tuning.settings ?? {} }
      return measureTuning(server, work, entrant, contender, tuning, context, surroundings)
    })
    measured.push(...found.map((rest) => ({ entrant: entrant.name, tuning: tuning.label, ...rest })))
    const shown = found.map(({ value, unit }) => `${value >= 100 ? Math.round(value) : value.toFixed(2)} ${unit}`)
    context.tell(`${surroundings?.label ?? work}: ${entrant.name}, ${tuning.label}: ${shown.join(', ')}`)
  }
  return measured
}

type Found = Omit<Measurement, 'entrant' | 'tuning'>

async function measureTuning(
  server: DatabaseServer,
  work: Work,
  entrant: Entrant,
  contender: ContenderRef,
  { processes = 1 }: Tuning,
  { options }: RunContext,
  surroundings?: Surroundings,
): Promise<readonly Found[]> {
  const { tasks: wanted, connections, seconds, warmupSeconds }: Sizes = { ...contestDefaults, ...options }
  const rate = (value: number): Found => ({ work: surroundings?.label ?? work, unit: 'tasks/s', value })
  switch (work) {
    case 'single':
    case 'batch': {
      const load = work === 'single' ? { callers: connections, batch: 1 } : { callers: batchCallers, batch: batchOf }
      const submit = await program<CallRate>('submit', { contender, ...load, seconds, warmupSeconds })
      return [rate(submit.perSecond)]
    }
    case 'drain':
    case 'held-snapshot': {
      const tasks = Math.min(wanted, entrant.mostTasks ?? wanted)
      const end = await surroundings?.begin(contender.url, entrant)
      try {
        await program('fill', { contender, tasks, batch: batchOf, parallel: batchCallers })
        await server.settle(contender.url)
        return [rate(await drain({ contender, processes, tasks }))]
      } finally {
        await end?.()
      }
    }
    case 'latency': {
      const load = { perSecond: latencyRate, seconds: seconds * 2, warmupSeconds: warmupSeconds + 3 }
      const latency = await program<LatencyResult>('latency', { contender, ...load })
      return [
        { work: 'latency p50', unit: 'ms', value: latency.p50Ms },
        { work: 'latency p99', unit: 'ms', value: latency.p99Ms },
      ]
    }
  }
}

interface Programs {
  readonly submit: ContenderSubmitOptions
  readonly fill: ContenderFillOptions
  readonly latency: ContenderLatencyOptions
}

function program<Result, Name extends keyof Programs = keyof Programs>(name: Name, options: Programs[Name]) {
  const script = fileURLToPath(new URL(`../programs/contender-${name}.ts`, import.meta.url))
  return runProgram<Result>({ script, options })
}
