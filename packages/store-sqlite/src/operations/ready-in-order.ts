import { type Place, PlaceHeap } from '../place-heap.ts'
import { rows, type State } from '../state.ts'

export type ReadyRow = readonly [
  seq: number,
  priority: number,
  readyAt: number,
  attempt: number,
  token: number,
  crashes: number,
  lane: number,
]

/** So many rows of a lane are read at least where they are not all wanted at once. */
const CHUNK = 8

/** The first ready tasks of these lanes. */
export function firstOfLanes(state: State, lanes: readonly number[], limit: number): readonly ReadyRow[] {
  if (lanes.length === 1) return readReady(state, lanes[0] as number, limit, 0)
  const open: Sources = new PlaceHeap()
  const chunk = chunkOf(limit, lanes.length)
  for (const lane of lanes) putBack(open, new LaneReader(state, lane, chunk))
  return takeFirst(open, limit)
}

/** The first ready tasks of every queue of a namespace that is not paused; `null` is every type. */
export function firstOfTypes(
  state: State,
  namespace: string,
  types: readonly string[] | null,
  limit: number,
): readonly ReadyRow[] {
  const heaps = state.heads.of(namespace, types)
  const open: Sources = new PlaceHeap()
  const lanes = heaps.reduce((sum, { size }) => sum + size, 0)
  const sources = heaps.map((heap) => new LaneOpener(state, heap, chunkOf(limit, lanes)))
  for (const source of sources) putBack(open, source)
  const first = takeFirst(open, limit)
  for (const source of sources) source.close()
  return first
}

/** What gives tasks in order. `take` goes one step on, and gives what was there, if that is a task. */
interface Source {
  place(): Place | undefined
  take(open: Sources): ReadyRow | null
}

type Sources = PlaceHeap<Source>

function takeFirst(open: Sources, limit: number): readonly ReadyRow[] {
  const taken: ReadyRow[] = []
  while (taken.length < limit) {
    const source = open.first()?.item
    if (source === undefined) break
    const row = source.take(open)
    if (row !== null) taken.push(row)
    putBack(open, source)
  }
  return taken
}

function putBack(open: Sources, source: Source): void {
  const place = source.place()
  if (place === undefined) open.delete(source)
  else open.set(source, place)
}

/** The ready tasks of one lane, which its index has in order, read some at a time. */
class LaneReader implements Source {
  readonly lane: number
  readonly #state: State
  readonly #chunk: number
  #rows: readonly ReadyRow[]
  #at = 0
  #offset = 0

  constructor(state: State, lane: number, chunk: number) {
    this.lane = lane
    this.#state = state
    this.#chunk = chunk
    this.#rows = readReady(state, lane, chunk, 0)
  }

  place(): Place | undefined {
    return this.#rows[this.#at]
  }

  take(): ReadyRow | null {
    const row = this.#rows[this.#at++]
    if (this.#at === this.#chunk) {
      this.#offset += this.#chunk
      this.#rows = readReady(this.#state, this.lane, this.#chunk, this.#offset)
      this.#at = 0
    }
    return row ?? null
  }
}

/** Opens the lanes of a heap one after the other, each when it comes first by what is noted of it. */
class LaneOpener implements Source {
  readonly #state: State
  readonly #heap: PlaceHeap<number>
  readonly #chunk: number
  readonly #opened: LaneReader[] = []

  constructor(state: State, heap: PlaceHeap<number>, chunk: number) {
    this.#state = state
    this.#heap = heap
    this.#chunk = chunk
  }

  place(): Place | undefined {
    return this.#heap.first()?.place
  }

  take(open: Sources): null {
    const lane = this.#heap.first()?.item as number
    this.#heap.delete(lane)
    if (!isClaimable(this.#state, lane)) return null
    const reader = new LaneReader(this.#state, lane, this.#chunk)
    this.#opened.push(reader)
    putBack(open, reader)
    return null
  }

  /** Notes what comes next in the lanes that were opened. */
  close(): void {
    for (const reader of this.#opened) {
      const next = reader.place()
      if (next !== undefined) this.#heap.set(reader.lane, next)
    }
  }
}

function isClaimable({ lanes, counters }: State, lane: number): boolean {
  const { namespace, queue } = lanes.get(lane)
  return counters.of(lane).queued > 0 && !lanes.isPaused(namespace, queue)
}

function chunkOf(limit: number, lanes: number): number {
  return Math.min(limit + 1, Math.max(CHUNK, Math.ceil((2 * limit) / lanes)))
}

function readReady(state: State, lane: number, limit: number, offset: number): readonly ReadyRow[] {
  const select = state.sql(
    `SELECT seq, priority, ready_at, attempt, token, crashes, lane FROM ready
     WHERE lane = ? ORDER BY priority DESC, ready_at, seq LIMIT ? OFFSET ?`,
  )
  return rows<ReadyRow>(select, lane, limit, offset)
}
