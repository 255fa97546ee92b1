import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { OpenedStore } from '@taskyard/core'
import { DatabaseSync } from '@taskyard/store-sqlite/sqlite'
import { openStore } from '../load/open-store.ts'
import { type SteadySubmits, startSteadySubmits } from '../load/steady-submits.ts'
import { newTaskMaker } from '../load/tasks.ts'
import type { Figure, RunContext, Scenario } from '../scenario.ts'

const defaults = { seconds: 15, warmupSeconds: 3, waiting: 300_000 }
const PER_SECOND = 5000
const FILL_BATCH = 1000
const MIB = 1_048_576

export const backup: Scenario = {
  name: 'backup',
  summary: 'submissions to SQLite while the store is copied, and whether the copy is whole',
  settings(options) {
    const { seconds, warmupSeconds, waiting } = { ...defaults, ...options }
    return [
      `${PER_SECOND} single submissions a second, evenly paced, beside ${waiting.toLocaleString('en')} waiting tasks; a latency counts from when its call was due`,
      `${seconds} s without and ${seconds} s with backups, one after the other, after ${warmupSeconds} s of warm-up`,
      'every copy is read to the end, passes integrity_check, and has every task that was acknowledged before it began; its counts agree',
    ]
  },
  run: measure,
}

async function measure({ directory, options, tell }: RunContext): Promise<readonly Figure[]> {
  const { seconds, warmupSeconds, waiting } = { ...defaults, ...options }
  const store = await openStore(`sqlite:${directory}/taskyard.db`)
  await fill(store, waiting)
  const submits = startSteadySubmits(store, PER_SECOND)
  try {
    await delay(warmupSeconds * 1000)
    submits.take()
    await delay(seconds * 1000)
    const without = percentiles(submits.take())
    const copies = await copyFor(seconds, store, { submits, waiting, directory })
    const during = percentiles(submits.take())
    await submits.stop()
    for (const copy of copies) assertWhole(copy)
    tell(`p99 ${without.p99.toFixed(1)} ms without, ${during.p99.toFixed(1)} ms with ${copies.length} backups`)
    return [...figuresOf('without', without), ...figuresOf('with', during), ratio(without, during), ...copied(copies)]
  } finally {
    await submits.stop()
    await store.lifecycle.close()
  }
}

async function fill(store: OpenedStore, waiting: number): Promise<void> {
  const newTask = newTaskMaker(Date.now)
  for (let made = 0; made < waiting; made += FILL_BATCH) {
    const tasks = Array.from({ length: FILL_BATCH }, () => newTask({ queue: 'filled', type: 'filled' }))
    await store.tasks.enqueue({ submissions: [{ tasks }], queueDepth: 1e9 })
  }
}

interface Copy {
  readonly path: string
  /** Tasks that were acknowledged before it began. */
  readonly before: number
  readonly seconds: number
  readonly bytes: number
}

interface Around {
  readonly submits: SteadySubmits
  readonly waiting: number
  readonly directory: string
}

/** Makes at least one. */
async function copyFor(seconds: number, store: OpenedStore, around: Around): Promise<readonly Copy[]> {
  const copies: Copy[] = []
  const until = performance.now() + seconds * 1000
  do copies.push(await copyOnce(store, around, copies.length))
  while (performance.now() < until)
  return copies
}

async function copyOnce(store: OpenedStore, { submits, waiting, directory }: Around, n: number): Promise<Copy> {
  const path = `${directory}/copy-${n}.db`
  const before = waiting + submits.acknowledged()
  const from = performance.now()
  const copy = await store.lifecycle.backup?.()
  if (copy === undefined) throw new Error('the store makes no backups')
  await pipeline(Readable.from(copy.chunks), createWriteStream(path))
  const seconds = (performance.now() - from) / 1000
  return { path, before, seconds, bytes: copy.sizeBytes }
}

function assertWhole({ path, before }: Copy): void {
  const database = new DatabaseSync(path, { readOnly: true })
  const one = (text: string) => Object.values(database.prepare(text).get() ?? {})[0]
  const integrity = one('PRAGMA quick_check(1)')
  const counts = [
    one('SELECT count(*) FROM tasks'),
    one('SELECT count(*) FROM ready'),
    one('SELECT sum(queued) FROM counters'),
  ]
  database.close()
  if (integrity !== 'ok') throw new Error(`the copy is damaged: ${integrity}`)
  if (new Set(counts).size !== 1) throw new Error(`the copy is not of one moment: ${counts.join(', ')}`)
  if (Number(counts[0]) < before) throw new Error(`the copy has ${counts[0]} of ${before} acknowledged tasks`)
}

interface Percentiles {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

function percentiles(latencies: readonly number[]): Percentiles {
  const sorted = Float64Array.from(latencies).sort()
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
  return { p50: at(0.5), p99: at(0.99), max: at(1) }
}

function figuresOf(when: string, { p50, p99, max }: Percentiles): readonly Figure[] {
  return [
    { name: `submit p50 ${when} backup`, unit: 'ms', value: p50 },
    { name: `submit p99 ${when} backup`, unit: 'ms', value: p99 },
    { name: `submit max ${when} backup`, unit: 'ms', value: max },
  ]
}

function ratio(without: Percentiles, during: Percentiles): Figure {
  return { name: 'p99 with ÷ without', unit: '×', value: during.p99 / without.p99, target: { atMost: 2 } }
}

function copied(copies: readonly Copy[]): readonly Figure[] {
  const slowest = copies.toSorted((one, other) => other.seconds - one.seconds)[0] as Copy
  return [
    { name: 'slowest backup', unit: 'ms', value: slowest.seconds * 1000 },
    { name: 'size of that copy', unit: 'MiB', value: slowest.bytes / MIB },
  ]
}
