import type { StatementSync } from 'node:sqlite'
import type { Lanes } from './lanes.ts'
import { isBefore, type Place, PlaceHeap } from './place-heap.ts'

const OF_LANES = `SELECT seq, priority, ready_at, ready.lane FROM json_each(?) wanted CROSS JOIN ready ON seq = (
  SELECT seq FROM ready WHERE lane = wanted.value ORDER BY priority DESC, ready_at, seq LIMIT 1)`

/**
 * Lanes that may have ready tasks, by the places of their first ones, in a heap for each namespace and type: a claim of every
 * queue looks at the lanes that come first, however many there are. What is taken from a lane is not noted, so a place is
 * never behind that of the lane's first task, but may be before it. A heap is made for the first claim that wants it; where
 * nobody makes such claims this costs nothing.
 */
export class LaneHeads {
  readonly #sql: (text: string) => StatementSync
  readonly #lanes: Lanes
  readonly #heaps = new Map<string, Map<string, PlaceHeap<number>>>()

  constructor(sql: (text: string) => StatementSync, lanes: Lanes) {
    this.#sql = sql
    this.#lanes = lanes
  }

  /** The heaps of these types, of all there are where `types` is `null`. */
  of(namespace: string, types: readonly string[] | null): readonly PlaceHeap<number>[] {
    const known = this.#lanes.byType(namespace)
    const wanted = types === null ? [...known.keys()] : [...new Set(types)].filter((type) => known.has(type))
    return wanted.map((type) => this.#heapOf(namespace, type))
  }

  /** A task of this lane is ready at this place. */
  noteReady(lane: number, place: Place): void {
    if (this.#heaps.size === 0) return
    const { namespace, type } = this.#lanes.get(lane)
    const heap = this.#heaps.get(namespace)?.get(type)
    const noted = heap?.placeOf(lane)
    if (noted === undefined || isBefore(place, noted)) heap?.set(lane, place)
  }

  /** These lanes may be claimed again. */
  noteResumed(lanes: readonly number[]): void {
    if (this.#heaps.size === 0) return
    for (const [seq, priority, readyAt, lane] of this.#read(lanes)) this.noteReady(lane, [seq, priority, readyAt])
  }

  #heapOf(namespace: string, type: string): PlaceHeap<number> {
    const byType = this.#heaps.get(namespace) ?? new Map<string, PlaceHeap<number>>()
    this.#heaps.set(namespace, byType)
    const heap = byType.get(type) ?? this.#newHeap(namespace, type)
    byType.set(type, heap)
    return heap
  }

  #newHeap(namespace: string, type: string): PlaceHeap<number> {
    const heap = new PlaceHeap<number>()
    const lanes = this.#lanes.byType(namespace).get(type) ?? []
    const heads = this.#read(lanes.map(({ lane }) => lane))
    for (const [seq, priority, readyAt, lane] of heads) heap.set(lane, [seq, priority, readyAt])
    return heap
  }

  #read(lanes: readonly number[]) {
    const rows: unknown = this.#sql(OF_LANES).all(JSON.stringify(lanes))
    return rows as [seq: number, priority: number, readyAt: number, lane: number][]
  }
}
