import type * as Sqlite from 'node:sqlite'

export { beside } from './beside.ts'
export { wasLogMovedIn } from './in-use-file.ts'
export { isOurMark, markOf, NEEDS_LOG } from './log-mark.ts'
export { hasLog, isLogFilled } from './write-ahead-log.ts'

/** SQLite of Node. Node 22 calls it experimental, once in each process, which would look like trouble of the user's making. */
export const { DatabaseSync, backup } = withoutWarning(() => process.getBuiltinModule('node:sqlite') as typeof Sqlite)

export type DatabaseSync = Sqlite.DatabaseSync

function withoutWarning<Loaded>(load: () => Loaded): Loaded {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return load()
  } finally {
    process.emitWarning = emitWarning
  }
}
