import type { ClaimParams, Retention, SweepReport } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'
import { quantiles } from '../load/call-rate.ts'
import { openStore } from '../load/open-store.ts'
import { type Calls, startSteadyLoad } from '../load/steady-load.ts'
import { failed, newTaskMaker, succeeded } from '../load/tasks.ts'
import { printResult, programOptions } from '../processes/program.ts'

// A store that grows older day by day. Each day its tasks are finished, and some more wait in a paused queue; then its time
// stands still, and the same small load goes on for a while without retention, and for as long as retention has something
// to do. Every day what is counted must be what was finished less what retention says it removed.

export interface AgeingOptions {
  readonly url: string
  /** Over all days. One in a hundred fails. */
  readonly finished: number
  /** Wait in a paused queue from their day on, which is one of the first third. */
  readonly waiting: number
  readonly days: number
}

interface Times {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

export interface AgeingResult {
  readonly without: { readonly submit: Times; readonly claim: Times; readonly calls: number }
  readonly during: { readonly submit: Times; readonly claim: Times; readonly calls: number }
  readonly sweeps: { readonly count: number; readonly p50Ms: number; readonly maxMs: number }
  readonly removed: { readonly total: number; readonly mostPerSweep: number }
  /** Tasks that are counted at the end, and by what retention says. */
  readonly left: number
}

const { url, finished, waiting, days } = programOptions<AgeingOptions>()
const dayMs = 86_400_000
const batch = 1000
const callsPerSecond = 100
const quietSeconds = 4
/** Retention has nothing more to do when so many seconds pass without a task removed: after a day, and where all is to go. */
const idleSeconds = 8
const idleSecondsAtEnd = 30
const failedDays = 30
const retention: Retention = { succeededSeconds: 7 * 86_400, failedSeconds: failedDays * 86_400, finishedBytes: 1e15 }
const never: Retention = { succeededSeconds: 1e12, failedSeconds: 1e12, finishedBytes: 1e15 }
const queues = ['work-0', 'work-1', 'work-2', 'work-3']

let now = Date.now() - (days + failedDays + 20) * dayMs
const storeTime = () => now
const newTask = newTaskMaker(storeTime)
const store = await openStore(url, storeTime)
await store.queues.pause({ namespace: 'default', queue: 'paused', paused: true })
const without: Calls[] = []
const during: Calls[] = []
const sweepMs: number[] = []
let ended = 0
let mostPerSweep = 0
let removed = 0

for (let day = 0; day < days; day++) {
  await passDay(day)
  await judgeDay(`day ${day + 1}`, idleSeconds)
}
// Those that failed go, too.
for (const later of [8, failedDays + 1]) {
  now += later * dayMs
  await judgeDay(`${later} days later`, idleSecondsAtEnd)
}
// So does the small load itself.
now += 8 * dayMs
await removeAll()
const left = await countFinished()
await store.lifecycle.close()
const result: AgeingResult = {
  without: timesOf(without),
  during: timesOf(during),
  sweeps: { count: sweepMs.length, ...quantiles(sweepMs) },
  removed: { total: removed, mostPerSweep },
  left,
}
printResult(result)
process.exit(0)

async function passDay(day: number): Promise<void> {
  const startedAt = now
  const share = Math.floor((finished * (day + 1)) / days) - Math.floor((finished * day) / days)
  const fillers = Math.ceil(days / 3)
  const waits = day < fillers ? Math.ceil(waiting / fillers) : 0
  const sweeping = sweepBeside(never)
  await submitWaiting(waits)
  let begun = 0
  await Promise.all(
    queues.map(async (queue) => {
      while (begun < share) {
        const size = Math.min(batch, share - begun)
        begun += size
        now = Math.max(now, startedAt + Math.floor((dayMs * begun) / share))
        await finishBatch(queue, size)
      }
    }),
  )
  now = startedAt + dayMs
  await sweeping.stop()
}

async function submitWaiting(count: number): Promise<void> {
  for (let left = count; left > 0; left -= batch) {
    const tasks = Array.from({ length: Math.min(batch, left) }, () => newTask({ queue: 'paused', type: 'waiting' }))
    await store.tasks.enqueue({ submissions: [{ tasks }], queueDepth: 1e9 })
  }
}

async function finishBatch(queue: string, size: number): Promise<void> {
  const tasks = Array.from({ length: size }, () => newTask({ queue, type: 'work' }))
  await store.tasks.enqueue({ submissions: [{ tasks }], queueDepth: 1e9 })
  const worker = { workerId: queue, nodeId: null, session: false }
  const claim: ClaimParams = {
    ...{ namespace: 'default', queues: [queue], types: null, limit: batch, leaseMs: 100 * dayMs, worker },
    requestId: null,
  }
  for (let left = size; left > 0; ) {
    const leased = await store.tasks.claim(claim)
    if (leased.length === 0) throw new Error(`${left} submitted tasks cannot be claimed`)
    const settlements = leased.map((task, n) => ((ended + n) % 100 === 0 ? failed(task) : succeeded(task)))
    ended += leased.length
    const { results } = await store.tasks.settle({ namespace: 'default', settlements, claim: null })
    if (results.some(({ status }) => status !== 'ok')) throw new Error('a settlement was refused')
    left -= leased.length
  }
}

/** The small load without retention, and then for as long as retention removes something. */
async function judgeDay(name: string, idleSeconds: number): Promise<void> {
  const load = startSteadyLoad(store, storeTime, callsPerSecond)
  const quiet = sweepBeside(never)
  await sleep(1000)
  load.take()
  await sleep(quietSeconds * 1000)
  without.push(load.take())
  await quiet.stop()
  const before = removed
  const chores = sweepBeside(retention)
  while (chores.idleSeconds() < idleSeconds) await sleep(100)
  const calls = load.take()
  during.push(calls)
  await chores.stop()
  ended += await load.stop()
  const counted = await countFinished()
  const { submit, claim } = timesOf([calls])
  process.stderr.write(
    `${name}: removed ${removed - before}, ${counted} are kept; submit p99 ${submit.p99Ms.toFixed(1)} max ${submit.maxMs.toFixed(0)} ms, ` +
      `claim p99 ${claim.p99Ms.toFixed(1)} max ${claim.maxMs.toFixed(0)} ms\n`,
  )
  if (counted !== ended - removed) {
    throw new Error(`${name}: ${ended} tasks ended and ${removed} were removed, but ${counted} are counted`)
  }
}

async function removeAll(): Promise<void> {
  const chores = sweepBeside(retention)
  while (chores.idleSeconds() < idleSecondsAtEnd) await sleep(100)
  await chores.stop()
}

/** Sweeps as a server does: each second, and at once while there is more to be done. */
function sweepBeside(kept: Retention) {
  let stopped = false
  let idleSince = performance.now()
  let wake = () => {}

  async function sweep(): Promise<SweepReport> {
    const startedAt = performance.now()
    const report = await store.upkeep.sweep({ cancelGraceMs: 10_000, retention: kept, limit: 1000, jitter: 0 })
    if (kept === retention) sweepMs.push(performance.now() - startedAt)
    if (report.failures !== undefined) throw report.failures[0]?.error
    if (!(report.removed >= 0)) throw new Error(`a sweep removed ${report.removed} tasks`)
    // A store whose chores go on beside its calls may tell later what it removed.
    removed += report.removed
    mostPerSweep = Math.max(mostPerSweep, report.removed)
    return report
  }

  const ending = (async () => {
    while (!stopped) {
      const { removed, nextAt } = await sweep()
      if (removed > 0) idleSince = performance.now()
      if (nextAt !== null && nextAt <= now) continue
      await Promise.race([
        sleep(1000),
        new Promise<void>((resolve) => {
          wake = resolve
        }),
      ])
    }
  })()
  ending.catch(() => {})
  return {
    idleSeconds: () => (performance.now() - idleSince) / 1000,
    stop() {
      stopped = true
      wake()
      return ending
    },
  }
}

async function countFinished(): Promise<number> {
  const all = await store.reads.counts({ namespace: 'default', queue: null })
  return all.reduce((sum, { counts }) => sum + counts.succeeded + counts.failed + counts.cancelled, 0)
}

function timesOf(calls: readonly Calls[]) {
  const submits = calls.flatMap((some) => some.submits)
  const claims = calls.flatMap((some) => some.claims)
  return { submit: quantiles(submits), claim: quantiles(claims), calls: submits.length + claims.length }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    systemClock.after(ms, resolve)
  })
}
