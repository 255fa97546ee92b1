import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { TaskyardError } from '@taskyard/core'
import { row1, type State } from '../state.ts'

/** With less free space than this the store calls itself unhealthy: a small write may pass where a task would not. */
const LEAST_FREE_BYTES = 4 * 1024 * 1024

/**
 * Writes, so that the commit behind it proves that the file takes writes. Answers the file's size in bytes.
 * @throws TaskyardError store_full when the disk is all but full
 */
export function probe(state: State, _params: null, now: number): number {
  assertFreeSpace(state.path)
  state.sql('INSERT OR REPLACE INTO health_probe (id, at) VALUES (1, ?)').run(now)
  const [pages] = row1<[number]>(state.sql('PRAGMA page_count')) ?? [0]
  const [pageSize] = row1<[number]>(state.sql('PRAGMA page_size')) ?? [0]
  return pages * pageSize
}

function assertFreeSpace(path: string): void {
  if (path === ':memory:') return
  const { bavail, bsize } = statfsSync(dirname(path))
  const free = bavail * bsize
  if (free < LEAST_FREE_BYTES)
    throw new TaskyardError('store_full', { reason: `${path}: ${free} bytes free on its disk` })
}
