import type { FaultPoint } from './fault-points.ts'
import { between, pick } from './seeded-random.ts'

export type Step =
  /** `all`: every server at the same moment. */
  | { readonly do: 'kill-server'; readonly point: FaultPoint; readonly all: boolean; readonly afterMs: number }
  | { readonly do: 'kill-worker'; readonly point: FaultPoint; readonly afterMs: number }
  | { readonly do: 'kill-database'; readonly point: FaultPoint; readonly downMs: number; readonly afterMs: number }
  | { readonly do: 'restart-database'; readonly downMs: number; readonly afterMs: number }
  | { readonly do: 'hang-worker'; readonly afterMs: number }
  | { readonly do: 'hang-server'; readonly afterMs: number }
  | { readonly do: 'hang-database'; readonly forMs: number; readonly afterMs: number }
  | { readonly do: 'cut-session'; readonly afterMs: number }
  /** Long enough for every interrupted task to be due again, with nothing else going wrong. */
  | { readonly do: 'quiet' }

const serverPoints: readonly FaultPoint[] = [
  'submit-sent',
  'submit-answered',
  'claim-answered',
  'settle-sent',
  'settle-answered',
  'heartbeat-sent',
  'start-up',
  'drain',
  'random',
]
const workerPoints: readonly FaultPoint[] = [
  'claim-answered',
  'handler-started',
  'handler-started',
  'settle-sent',
  'settle-answered',
  'heartbeat-sent',
  'start-up',
  'drain',
  'random',
  'random',
]
/** `start-up` and `drain` are a server's. */
const databasePoints = serverPoints

/** Outages of this length, once in a long run: the longest that is promised, and one past what a call waits for. */
const LONGEST_OUTAGE_MS = 60_000
const LONGEST_HANG_MS = 12_000
const LONG_RUN_KILLS = 100

type Victim = 'worker' | 'server' | 'database'

export interface PlanParams {
  readonly kills: number
  readonly servers: number
  /** Whether there is a database to kill. */
  readonly database: boolean
  readonly random: () => number
}

/**
 * What will go wrong, in order: first kills during the very first start (while the schema is made), then blocks of
 * kills of one kind, in turns, each with a hang and other trouble of its kind, followed by quiet. Every kind gets its
 * equal share of the kills.
 */
export function planFaults({ kills, servers, database, random }: PlanParams): readonly Step[] {
  const victims: readonly Victim[] = database ? ['worker', 'server', 'database'] : ['worker', 'server']
  const left = new Map(victims.map((victim, index) => [victim, share(kills, victims.length, index)]))
  const take = (victim: Victim, most: number) => {
    const size = Math.min(most, left.get(victim) as number)
    left.set(victim, (left.get(victim) as number) - size)
    return size
  }
  const steps: Step[] = []
  const starts = Math.min(5, Math.ceil(kills / (5 * victims.length)))
  if (database) steps.push(...Array.from({ length: take('database', starts) }, () => killAtFirstStart(random)))
  steps.push(...Array.from({ length: take('server', starts) }, () => killServer('first-start', 0)))

  const block = Math.max(3, Math.min(10, Math.round(kills / (2 * victims.length))))
  for (let round = 0; [...left.values()].some((kills) => kills > 0); round++) {
    for (const victim of victims) {
      const size = take(victim, block)
      if (size === 0) continue
      const long = kills >= LONG_RUN_KILLS && round === 1
      if (victim === 'worker') steps.push(...workerBlock(size, random))
      else if (victim === 'server') steps.push(...serverBlock(size, servers, random, round % 2 === 0 && size > 2))
      else steps.push(...databaseBlock(size, random, long))
    }
  }
  return steps
}

function share(kills: number, victims: number, index: number): number {
  return Math.floor(kills / victims) + (index < kills % victims ? 1 : 0)
}

function killServer(point: FaultPoint, afterMs: number, all = false): Step {
  return { do: 'kill-server', point, all, afterMs }
}

function killAtFirstStart(random: () => number): Step {
  return { do: 'kill-database', point: 'first-start', downMs: between(random, 0, 1000), afterMs: 0 }
}

function workerBlock(kills: number, random: () => number): readonly Step[] {
  const steps: Step[] = Array.from({ length: kills }, () => ({
    do: 'kill-worker',
    point: pick(random, workerPoints),
    afterMs: between(random, 200, 1500),
  }))
  insert(steps, random, { do: 'hang-worker', afterMs: between(random, 100, 500) })
  insert(steps, random, { do: 'cut-session', afterMs: 100 })
  return [...steps, { do: 'quiet' }]
}

/** Where there are several servers, some kills are of all of them at once, and count as many. */
function serverBlock(kills: number, servers: number, random: () => number, hang: boolean): readonly Step[] {
  const steps: Step[] = []
  for (let left = kills; left > 0; ) {
    const point = pick(random, serverPoints)
    const all = servers > 1 && left >= servers && random() < 0.15 && point !== 'start-up' && point !== 'drain'
    steps.push(killServer(point, between(random, 100, 1200), all))
    left -= all ? servers : 1
  }
  if (hang) insert(steps, random, { do: 'hang-server', afterMs: 300 })
  return [...steps, { do: 'cut-session', afterMs: 500 }, { do: 'quiet' }]
}

function databaseBlock(kills: number, random: () => number, long: boolean): readonly Step[] {
  const steps: Step[] = Array.from({ length: kills }, () => ({
    do: 'kill-database',
    point: pick(random, databasePoints),
    downMs: between(random, 0, 3000),
    afterMs: between(random, 200, 2000),
  }))
  // Not while a server starts, which gives up after 30 s, as it should.
  if (long) steps[0] = { do: 'kill-database', point: 'random', downMs: LONGEST_OUTAGE_MS, afterMs: 500 }
  const forMs = long ? LONGEST_HANG_MS : between(random, 500, 6000)
  insert(steps, random, { do: 'hang-database', forMs, afterMs: between(random, 500, 2000) })
  insert(steps, random, { do: 'restart-database', downMs: between(random, 0, 3000), afterMs: 1000 })
  return [...steps, { do: 'quiet' }]
}

function insert(steps: Step[], random: () => number, step: Step): void {
  steps.splice(Math.floor(random() * steps.length), 0, step)
}
