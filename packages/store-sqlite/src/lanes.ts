import type { StatementSync } from 'node:sqlite'

/** One (namespace, queue, type): where ready tasks are found. */
export interface Lane {
  readonly lane: number
  readonly namespace: string
  readonly queue: string
  readonly type: string
}

/** All lanes and paused queues, in memory. Lanes are never removed. */
export class Lanes {
  readonly #sql: (text: string) => StatementSync
  readonly #byNumber = new Map<number, Lane>()
  readonly #byQueue = new Map<string, Lane[]>()
  readonly #byType = new Map<string, Map<string, Lane[]>>()
  readonly #paused = new Set<string>()

  constructor(sql: (text: string) => StatementSync) {
    this.#sql = sql
    for (const [lane, namespace, queue, type] of this.#rows('SELECT lane, namespace, queue, type FROM lanes')) {
      this.#add({ lane: Number(lane), namespace, queue, type } as Lane)
    }
    for (const [namespace, queue] of this.#rows('SELECT namespace, queue FROM paused_queues')) {
      this.#paused.add(queueKey(namespace as string, queue as string))
    }
  }

  get(lane: number): Lane {
    const found = this.#byNumber.get(lane)
    if (found === undefined) throw new Error(`lane ${lane} is unknown`)
    return found
  }

  isOf(lane: number, namespace: string): boolean {
    return this.get(lane).namespace === namespace
  }

  /** The lane of these names, made when it is new. */
  intern(namespace: string, queue: string, type: string): Lane {
    const known = this.#byQueue.get(queueKey(namespace, queue))?.find((lane) => lane.type === type)
    if (known !== undefined) return known
    const insert = this.#sql('INSERT INTO lanes (namespace, queue, type) VALUES (?, ?, ?)')
    const lane = { lane: Number(insert.run(namespace, queue, type).lastInsertRowid), namespace, queue, type }
    this.#add(lane)
    return lane
  }

  ofQueue(namespace: string, queue: string): readonly Lane[] {
    return this.#byQueue.get(queueKey(namespace, queue)) ?? []
  }

  /** Lanes of a namespace in every queue, by their types. */
  byType(namespace: string): ReadonlyMap<string, readonly Lane[]> {
    return this.#byType.get(namespace) ?? new Map()
  }

  /** Lanes of a namespace that fit; `null` fits all. */
  matching(namespace: string, queue: string | null, type: string | null): Lane[] {
    const candidates = queue === null ? [...this.#byNumber.values()] : this.ofQueue(namespace, queue)
    return candidates.filter((lane) => lane.namespace === namespace && (type === null || lane.type === type))
  }

  queuesOf(namespace: string): readonly string[] {
    const keys = [...this.#byQueue.keys(), ...this.#paused]
    const mine = keys.filter((key) => key.startsWith(`${namespace}\n`))
    return [...new Set(mine.map((key) => key.slice(namespace.length + 1)))].sort()
  }

  isPaused(namespace: string, queue: string): boolean {
    return this.#paused.has(queueKey(namespace, queue))
  }

  pause(namespace: string, queue: string): void {
    this.#sql('INSERT OR IGNORE INTO paused_queues (namespace, queue) VALUES (?, ?)').run(namespace, queue)
    this.#paused.add(queueKey(namespace, queue))
  }

  resume(namespace: string, queue: string): void {
    this.#sql('DELETE FROM paused_queues WHERE namespace = ? AND queue = ?').run(namespace, queue)
    this.#paused.delete(queueKey(namespace, queue))
  }

  #add(lane: Lane): void {
    this.#byNumber.set(lane.lane, lane)
    const key = queueKey(lane.namespace, lane.queue)
    const lanes = this.#byQueue.get(key)
    if (lanes === undefined) this.#byQueue.set(key, [lane])
    else lanes.push(lane)
    this.#addByType(lane)
  }

  #addByType(lane: Lane): void {
    const byType = this.#byType.get(lane.namespace) ?? new Map<string, Lane[]>()
    this.#byType.set(lane.namespace, byType)
    const lanes = byType.get(lane.type)
    if (lanes === undefined) byType.set(lane.type, [lane])
    else lanes.push(lane)
  }

  #rows(text: string): readonly (readonly (string | number)[])[] {
    return this.#sql(text).all() as unknown as (string | number)[][]
  }
}

function queueKey(namespace: string, queue: string): string {
  return `${namespace}\n${queue}`
}
