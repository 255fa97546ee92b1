import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { row1, type State } from '../state.ts'

/** With less free space than this the store calls itself unhealthy: a small write may pass where a task would not. */
const LEAST_FREE_BYTES = 4 * 1024 * 1024

export interface Probe {
  readonly sizeBytes: number
  /** Why the next write may find no room; `null` when there is enough. Not thrown: that would undo the calls beside it. */
  readonly shortage: string | null
}

/** Writes, so that the commit behind it proves that the file takes writes. */
export function probe(state: State, _params: null, now: number): Probe {
  state.sql('INSERT OR REPLACE INTO health_probe (id, at) VALUES (1, ?)').run(now)
  const [pages] = row1<[number]>(state.sql('PRAGMA page_count')) ?? [0]
  const [pageSize] = row1<[number]>(state.sql('PRAGMA page_size')) ?? [0]
  return { sizeBytes: pages * pageSize, shortage: shortageOf(state.path) }
}

function shortageOf(path: string): string | null {
  if (path === ':memory:') return null
  const { bavail, bsize } = statfsSync(dirname(path))
  const free = bavail * bsize
  return free < LEAST_FREE_BYTES ? `${path}: ${free} bytes free on its disk` : null
}
