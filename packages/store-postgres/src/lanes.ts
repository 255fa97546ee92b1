import type { ReadyLane } from '@taskyard/core'
import type { Database, Run } from './database.ts'

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
  /** Reads all lanes there are now. */
  all(): Promise<readonly Lane[]>
  known(): readonly Lane[]
}

type LaneRow = [lane: string, namespace: string, queue: string, type: string]

/** Starts with none: lanes are read, or made, when they are first named. */
export function createLanes({ run }: Database): Lanes {
  const byNumber = new Map<number, Lane>()
  const byName = new Map<string, number>()

  function remember([number, namespace, queue, type]: LaneRow): Lane {
    const lane = { lane: Number(number), namespace, queue, type }
    byNumber.set(lane.lane, lane)
    byName.set(nameOf(lane), lane.lane)
    return lane
  }

  async function all(): Promise<readonly Lane[]> {
    return (await run<LaneRow>('SELECT lane, namespace, queue, type FROM @lanes ORDER BY lane')).map(remember)
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
      const numbers = names.map(finder())
      if (!numbers.includes(undefined)) return numbers as number[]
      const made = await makeLanes(
        run,
        names.filter((_, i) => numbers[i] === undefined),
      )
      made.forEach(remember)
      return names.map(finder()) as number[]
    },
    async load(lanes) {
      for (const lane of lanes) if (!byNumber.has(lane)) return void (await all())
    },
    get(lane) {
      const found = byNumber.get(lane)
      if (found === undefined) throw new Error(`lane ${lane} is unknown`)
      return found
    },
    find: (lane) => byNumber.get(lane),
    all,
    known: () => [...byNumber.values()],
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
    `SELECT lane, namespace, queue, type FROM @lanes
     WHERE (namespace, queue, type) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]))`,
    columns,
  )
}

function nameOf({ namespace, queue, type }: ReadyLane): string {
  return `${namespace}\n${queue}\n${type}`
}
