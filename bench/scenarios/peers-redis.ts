import type { Entrant, Work } from '../contenders/line-up.ts'
import { redisLineUp } from '../contenders/redis-line-up.ts'
import { installPeers } from '../peers/install.ts'
import { startRedis } from '../processes/databases.ts'
import { contestFigures, type Measurement, type WantedRatio } from '../report/contest-figures.ts'
import type { Figure, RunContext, Scenario } from '../scenario.ts'
import { batchCallers, batchOf, contestDefaults, latencyRate, measureWork } from './contest.ts'
import { inTurns, selected } from './turns.ts'

type Fsync = 'everysec' | 'always'

/** The acceptance holds for the first. */
const works: Readonly<Record<Fsync, readonly Work[]>> = {
  everysec: ['single', 'batch', 'drain', 'latency'],
  always: ['single', 'batch', 'drain'],
}

const wanted: readonly WantedRatio[] = [
  { work: 'drain', peer: 'bullmq', target: { atLeast: 2 } },
  { work: 'batch', peer: 'bullmq', target: { atLeast: 3 } },
  { work: 'single', peer: 'bullmq', target: { atLeast: 1 } },
  { work: 'latency p99', peer: 'bullmq', target: { atMost: 1 } },
]

export const peersRedis: Scenario = {
  name: 'peers-redis',
  summary: 'against BullMQ on Redis with its log synced every second, and at every write, in turns',
  defaultRuns: 5,
  settings(options) {
    const { tasks, connections, seconds, warmupSeconds } = { ...contestDefaults, ...options }
    return [
      'each system through its own library, in a process of its own (drains: 1 or 2); each measurement on a Redis of its',
      'own, started empty with the same settings; who goes first alternates; a ratio compares the best tunings of a run',
      `single: ${connections} concurrent callers, a task with a 200-byte payload each; batch: ${batchOf} tasks a call, ` +
        `${batchCallers} callers; ${seconds} s each after ${warmupSeconds} s; acknowledged = held by the store, checked`,
      `drain: ${tasks.toLocaleString('en-US')} tasks, submitted before; from the word to start until the store holds no ` +
        'unfinished task; no-op handler that returns {"ok":true}; both keep all finished tasks and their results',
      `latency: ${latencyRate} submits a second for ${seconds * 2} s, from the call to the handler's first line`,
      'all of it with appendfsync everysec; submits and drains again with always (figures that begin with "always:")',
    ]
  },
  async run(context) {
    installPeers()
    const lineUp = selected(redisLineUp(), context.options)
    for (const { name, version } of lineUp) context.record(`${name} ${version}`)
    const figures: Figure[] = []
    for (const fsync of ['everysec', 'always'] as const) figures.push(...(await contest(lineUp, fsync, context)))
    return figures
  },
}

async function contest(lineUp: readonly Entrant[], fsync: Fsync, context: RunContext): Promise<readonly Figure[]> {
  const server = await startRedis(fsync)
  for (const condition of server.conditions) context.record(condition)
  const measured: Measurement[] = []
  for (const work of works[fsync].filter((work) => context.options.works?.includes(work) !== false))
    for (const entrant of inTurns(lineUp, context.run))
      measured.push(...(await measureWork(server, work, entrant, context)))
  await server.destroy()
  const order = lineUp.map(({ name }) => name)
  const inOrder = measured.toSorted((a, b) => order.indexOf(a.entrant) - order.indexOf(b.entrant))
  if (fsync === 'everysec') return contestFigures('taskyard', inOrder, wanted)
  return contestFigures('taskyard', inOrder, []).map((figure) => ({ ...figure, name: `${fsync}: ${figure.name}` }))
}
