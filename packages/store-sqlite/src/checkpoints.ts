import type { DatabaseSync } from 'node:sqlite'
import type { Clock } from '@taskyard/core'

/** So long nothing is committed when the log is moved into the file; and so long it waits at most. Milliseconds. */
const IDLE_MS = 500
const LONGEST_MS = 60_000

/** Moves what is in the log into the file when little is to be done, long before SQLite would by itself. */
export interface Checkpoints {
  /** Something may be in the log that is not in the file. */
  committed(): void
  stop(): void
}

/** @param save does it; is told of by nobody when it throws: SQLite will, sooner or later */
export function createCheckpoints(clock: Clock, save: () => void): Checkpoints {
  let first: number | null = null
  let last = 0
  let cancelTimer = () => {}

  function look(): void {
    const now = clock.now()
    if (first === null) return
    if (now - last < IDLE_MS && now - first < LONGEST_MS) return arm()
    first = null
    try {
      save()
    } catch {}
  }

  function arm(): void {
    cancelTimer = clock.after(IDLE_MS, look)
  }

  return {
    committed() {
      last = clock.now()
      if (first !== null) return
      first = last
      arm()
    },
    stop: () => cancelTimer(),
  }
}

/** Moves what it can without waiting for anybody; the log keeps its length and is written from its beginning next. */
export function moveLogIntoFile(database: DatabaseSync): void {
  database.exec('PRAGMA wal_checkpoint(PASSIVE)')
}

/** Moves all of it into the file, synced, and empties the log. */
export function saveLog(database: DatabaseSync): void {
  const { busy } = database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() as { busy: number }
  if (busy !== 0) throw new Error('the write-ahead log is in use')
}
