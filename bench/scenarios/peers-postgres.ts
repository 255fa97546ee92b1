import type { Entrant, Work } from '../contenders/line-up.ts'
import { postgresLineUp } from '../contenders/postgres-line-up.ts'
import { fillFinished } from '../load/fill-finished.ts'
import { holdSnapshot } from '../load/held-snapshot.ts'
import { installPeers } from '../peers/install.ts'
import { type DatabaseServer, startPostgres } from '../processes/databases.ts'
import { best, contestFigures, type Measurement, type WantedRatio } from '../report/contest-figures.ts'
import type { Figure, RunContext, Scenario } from '../scenario.ts'
import { batchCallers, batchOf, contestDefaults, latencyRate, measureWork, type Surroundings } from './contest.ts'
import { inTurns, selected } from './turns.ts'

const beside = 'drain beside finished tasks'
const heldSnapshot = 'drain under a held snapshot'

const wanted: readonly WantedRatio[] = [
  { work: 'drain', peer: 'graphile-worker', target: { atLeast: 1 } },
  { work: 'batch', peer: 'graphile-worker', target: { atLeast: 1.5 } },
  { work: 'single', peer: null, target: { atLeast: 5 } },
  { work: 'latency p99', peer: 'graphile-worker', target: { atMost: 1 } },
]

export const peersPostgres: Scenario = {
  name: 'peers-postgres',
  summary: 'against graphile-worker, pg-boss and BullMQ on one PostgreSQL server, in turns',
  defaultRuns: 5,
  settings(options) {
    const { tasks, connections, seconds, warmupSeconds, finished } = { ...contestDefaults, ...options }
    return [
      'every system through its own library, in a process of its own (drains: 1 or 2), on one server; each measurement in',
      'a database of its own, after a checkpoint; who goes first alternates; a ratio compares the best tunings of a run',
      `single: ${connections} concurrent callers, a task with a 200-byte payload each; batch: ${batchOf} tasks a call, ` +
        `${batchCallers} callers; ${seconds} s each after ${warmupSeconds} s; acknowledged = held by the store, checked`,
      `drain: ${tasks.toLocaleString('en-US')} tasks (BullMQ: at most 10,000), submitted before and VACUUM ANALYZEd; from ` +
        'the word to start until the store holds no unfinished task; no-op handler that returns {"ok":true}',
      'kept of a finished task: Taskyard all of it and its history; pg-boss and BullMQ the job and its result ' +
        '(pg-boss, "no results": not the result); graphile-worker nothing, it deletes the job',
      `latency: ${latencyRate} submits a second for ${seconds * 2} s, from the call to the handler's first line`,
      `${heldSnapshot}: a REPEATABLE READ transaction of another session from before the first submit to the end; ` +
        `Taskyard with ${finished.toLocaleString('en-US')} finished tasks in its tables, the peers without`,
    ]
  },
  async run(context) {
    installPeers()
    const lineUp = selected(postgresLineUp(), context.options)
    const server = await startPostgres()
    for (const condition of server.conditions) context.record(condition)
    for (const { name, version } of lineUp) context.record(`${name} ${version}`)
    try {
      return await contest(server, lineUp, context)
    } finally {
      await server.destroy()
    }
  },
}

async function contest(
  server: DatabaseServer,
  lineUp: readonly Entrant[],
  context: RunContext,
): Promise<readonly Figure[]> {
  const measured: Measurement[] = []
  const { finished } = { ...contestDefaults, ...context.options }
  const measure = async (work: Work, entrants: readonly Entrant[], surroundings?: Surroundings) => {
    if (context.options.works?.includes(work) === false) return
    for (const entrant of inTurns(entrants, context.run))
      measured.push(...(await measureWork(server, work, entrant, context, surroundings)))
  }
  await measure('single', lineUp)
  await measure('batch', lineUp)
  await measure('drain', lineUp)
  await measure('latency', lineUp)
  const own = lineUp.filter(({ historyMatters }) => historyMatters)
  await measure('held-snapshot', own, { label: beside, begin: (url) => withHistory(url, finished) })
  await measure('held-snapshot', lineUp, {
    label: heldSnapshot,
    async begin(url, { historyMatters }) {
      if (historyMatters) await withHistory(url, finished)
      return holdSnapshot(url)
    },
  })
  const inOrder = sortedLike(measured, lineUp)
  return [...contestFigures('taskyard', inOrder, wanted), ...heldRatios(inOrder)]
}

async function withHistory(url: string, finished: number): Promise<() => Promise<void>> {
  await fillFinished({ url, finished })
  return async () => {}
}

/** Alternating turns shall not shuffle the report. */
function sortedLike(measured: readonly Measurement[], lineUp: readonly Entrant[]): readonly Measurement[] {
  const order = lineUp.map(({ name }) => name)
  return measured.toSorted((a, b) => order.indexOf(a.entrant) - order.indexOf(b.entrant))
}

/** What remains of each one's drain while a snapshot is held, at the best of the tunings measured both ways. */
function heldRatios(measured: readonly Measurement[]): readonly Figure[] {
  const entrants = [...new Set(measured.map(({ entrant }) => entrant))]
  return entrants.flatMap((entrant): readonly Figure[] => {
    const at = (work: string) => measured.filter((one) => one.work === work && one.entrant === entrant)
    const held = at(heldSnapshot)
    const tunings = held.map(({ tuning }) => tuning)
    const free = (at(beside).length > 0 ? at(beside) : at('drain')).filter(({ tuning }) => tunings.includes(tuning))
    if (held.length === 0 || free.length === 0) return []
    const name = `${entrant}: ${heldSnapshot} ÷ without`
    const figure: Figure = { name, unit: '×', value: best(held) / best(free) }
    return [entrant === 'taskyard' ? { ...figure, target: { atLeast: 0.8 } } : figure]
  })
}
