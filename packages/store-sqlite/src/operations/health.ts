import { row1, type State } from '../state.ts'

/** Writes, so that the commit behind it proves that the file takes writes. Answers the file's size in bytes. */
export function probe(state: State, _params: null, now: number): number {
  state.sql('INSERT OR REPLACE INTO health_probe (id, at) VALUES (1, ?)').run(now)
  const [pages] = row1<[number]>(state.sql('PRAGMA page_count')) ?? [0]
  const [pageSize] = row1<[number]>(state.sql('PRAGMA page_size')) ?? [0]
  return pages * pageSize
}
