import type { ReadyLane } from '@taskyard/core'
import { numbers } from './arrays.ts'
import type { Database, Run } from './database.ts'
import type { Value } from './driver.ts'

export interface Lane extends ReadyLane {
  readonly lane: number
}

/** Interned (namespace, queue, type). Lanes are never changed or removed, so what was read once stays true. */
export interface Lanes {
  /** The numbers of these names; new ones are made. */
  intern(names: readonly ReadyLane[]): Promise<readonly number[]>
  /** Makes sure that these numbers are known to `get`. */
  load(lanes: Iterable<number>): Promise<void>
  get(lane: number): Lane
  /** As `get`, for a number that may be none. */
  find(lane: number): Lane | undefined
  /** Reads the lanes of a namespace there are now; `null` fits all. */
  matching(namespace: string, queue: string | null, type: string | null): Promise<readonly Lane[]>
  /** Reads all lanes there are now, of all namespaces. */
  all(): Promise<readonly Lane[]>
}

type LaneRow = [lane: string, namespace: string, queue: string, type: string]
const SELECT = 'SELECT lane, namespace, queue, type FROM @lanes'
const MATCHING = 'namespace = $1 AND ($2::text IS NULL OR queue = $2) AND ($3::text IS NULL OR type = $3)'

/** Starts with none: lanes are read, or made, when they are first named. */
export function createLanes({ run }: Database): Lanes {
  const byNumber = new Map<number, Lane>()
  const byName = new Map<string, number>()
  const readByNumber = shareReads((lanes) => read('lane = ANY ($1::bigint[])', [numbers(lanes)]))

  function remember([number, namespace, queue, type]: LaneRow): Lane {
    const lane = { lane: Number(number), namespace, queue, type }
    byNumber.set(lane.lane, lane)
    byName.set(nameOf(lane), lane.lane)
    return lane
  }

  async function read(condition: string, values: readonly Value[] = []): Promise<readonly Lane[]> {
    return (await run<LaneRow>(`${SELECT} WHERE ${condition}`, values)).map(remember)
  }

  /** Finds the number of one name after the other, quickly where they repeat. */
  function finder(): (name: ReadyLane) => number | undefined {
    let last: ReadyLane | null = null
    let number: number | undefined
    return (name) => {
      if (last?.type !== name.type || last.queue !== name.queue || last.namespace !== name.namespace) {
        number = byName.get(nameOf(name))
        last = name
      }
      return number
    }
  }

  return {
    async intern(names) {
      const known = names.map(finder())
      if (!known.includes(undefined)) return known as number[]
      const made = await makeLanes(
        run,
        names.filter((_, i) => known[i] === undefined),
      )
      made.forEach(remember)
      return names.map(finder()) as number[]
    },
    async load(lanes) {
      const unknown = [...lanes].filter((lane) => !byNumber.has(lane))
      if (unknown.length > 0) await readByNumber(unknown)
    },
    get(lane) {
      const found = byNumber.get(lane)
      if (found === undefined) throw new Error(`lane ${lane} is unknown`)
      return found
    },
    find: (lane) => byNumber.get(lane),
    matching: (namespace, queue, type) => read(MATCHING, [namespace, queue, type]),
    all: () => read('true'),
  }
}

/** Those who want the same number at the same time wait for one read. */
function shareReads(read: (lanes: readonly number[]) => Promise<unknown>) {
  const underWay = new Map<number, Promise<unknown>>()
  return (lanes: readonly number[]): Promise<unknown> => {
    const free = lanes.filter((lane) => !underWay.has(lane))
    if (free.length > 0) {
      const reading = read(free).finally(() => {
        for (const lane of free) underWay.delete(lane)
      })
      for (const lane of free) underWay.set(lane, reading)
    }
    return Promise.all(new Set(lanes.map((lane) => underWay.get(lane))))
  }
}

/** In SQL, the namespace of a row that has a lane: looked up by key, whatever the statistics say. */
export function namespaceOf(row: string): string {
  return `(SELECT n.namespace FROM @lanes n WHERE n.lane = ${row}.lane)`
}

/** Makes lanes that are new, and gives all of these names. */
async function makeLanes(run: Run, names: readonly ReadyLane[]): Promise<LaneRow[]> {
  const columns = [
    names.map(({ namespace }) => namespace),
    names.map(({ queue }) => queue),
    names.map(({ type }) => type),
  ]
  await run(
    `INSERT INTO @lanes (namespace, queue, type)
     SELECT DISTINCT * FROM unnest($1::text[], $2::text[], $3::text[]) ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING`,
    columns,
  )
  return run<LaneRow>(
    `${SELECT} WHERE (namespace, queue, type) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]))`,
    columns,
  )
}

function nameOf({ namespace, queue, type }: ReadyLane): string {
  return `${namespace}\n${queue}\n${type}`
}
