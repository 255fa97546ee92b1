import type { StatementSync } from 'node:sqlite'

const COLUMNS = [
  'scheduled',
  'queued',
  'running',
  'succeeded',
  'failed',
  'cancelled',
  'finished_total',
  'finished_bytes',
] as const
export type Counter = (typeof COLUMNS)[number]
type LaneCounts = Record<Counter, number>

/** How many tasks of each status a lane has, kept in memory and written once per transaction for each lane touched. */
export class Counters {
  readonly #sql: (text: string) => StatementSync
  readonly #lanes = new Map<number, LaneCounts>()
  readonly #touched = new Set<number>()
  #finishedBytes = 0

  constructor(sql: (text: string) => StatementSync) {
    this.#sql = sql
    const rows = sql(`SELECT lane, ${COLUMNS.join(', ')} FROM counters`).all() as unknown as number[][]
    for (const [lane, ...values] of rows) {
      const counts = Object.fromEntries(COLUMNS.map((column, i) => [column, values[i]])) as LaneCounts
      this.#lanes.set(lane as number, counts)
      this.#finishedBytes += counts.finished_bytes
    }
  }

  get finishedBytes(): number {
    return this.#finishedBytes
  }

  of(lane: number): Readonly<LaneCounts> {
    return this.#lanes.get(lane) ?? emptyCounts()
  }

  add(lane: number, counter: Counter, difference: number): void {
    let counts = this.#lanes.get(lane)
    if (counts === undefined) {
      counts = emptyCounts()
      this.#lanes.set(lane, counts)
    }
    counts[counter] += difference
    if (counter === 'finished_bytes') this.#finishedBytes += difference
    this.#touched.add(lane)
  }

  move(lane: number, from: Counter, to: Counter): void {
    this.add(lane, from, -1)
    this.add(lane, to, 1)
  }

  /** Writes the lanes touched; the last act of every transaction. */
  flush(): void {
    if (this.#touched.size === 0) return
    const upsert = this.#sql(
      `INSERT OR REPLACE INTO counters (lane, ${COLUMNS.join(', ')}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    for (const lane of this.#touched) {
      const counts = this.of(lane)
      upsert.run(lane, ...COLUMNS.map((column) => counts[column]))
    }
    this.#touched.clear()
  }
}

function emptyCounts(): LaneCounts {
  return {
    scheduled: 0,
    queued: 0,
    running: 0,
    succeeded: 0,
    failed: 0,
    cancelled: 0,
    finished_total: 0,
    finished_bytes: 0,
  }
}
