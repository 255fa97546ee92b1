import { type FileHandle, open } from 'node:fs/promises'
import { TaskyardError } from '@taskyard/core'
import { MARK_OFFSET, wholeMark } from './log-mark.ts'
import { backup, type DatabaseSync } from './sqlite.ts'

/** Pages that are copied at a time: so long, about a millisecond, a transaction may have to wait. */
const PAGES_PER_STEP = 128
/** Between two turns of a copy where transactions follow each other. */
const TURN_MS = 10
/** Pages between two syncs of the copy: what is left for the end, when transactions wait for it, is little. */
const PAGES_PER_SYNC = 4096
/** The first step fails where a transaction is open, which is seldom and soon over. */
const MOST_TRIES = 100
const FIRST_STEP_MS = 5
/** So long it takes until another thread has begun a step. */
const STEP_BEGINS_MS = 0.3

const asleep = new Int32Array(new SharedArrayBuffer(4))

/** Between two transactions, now and then: else a copy would never get a step done while transactions follow each other. */
export function createTurns(): () => void {
  let lastAt = Number.NEGATIVE_INFINITY
  return () => {
    if (performance.now() - lastAt < TURN_MS) return
    letStepBegin(STEP_BEGINS_MS)
    lastAt = performance.now()
  }
}

/** Halts this thread, so that a step, which another thread does, begins. It has the database to itself then until it is done. */
function letStepBegin(ms: number): void {
  Atomics.wait(asleep, 0, 0, ms)
}

/**
 * Copies a database that is in use to a new file, for its user alone, by SQLite's online backup. The copy is that of one moment,
 * the end of copying: what is committed meanwhile through the same connection goes to both. It needs no log.
 * @param signal ends it; the part that is there is the caller's to remove
 * @throws what SQLite and the file system throw; TaskyardError store_unavailable when the database was closed meanwhile; the reason
 * of the signal
 */
export async function copyDatabase(database: DatabaseSync, path: string, signal?: AbortSignal): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await copyInSteps(database, path, { file, signal })
    if (!database.isOpen)
      throw new TaskyardError('store_unavailable', { reason: 'the file was closed while it was copied' })
    await file.write(wholeMark(), 0, 4, MARK_OFFSET)
    await file.sync()
  } finally {
    await file.close()
  }
}

interface CopyUnderWay {
  readonly file: FileHandle
  readonly signal: AbortSignal | undefined
}

async function copyInSteps(database: DatabaseSync, path: string, { file, signal }: CopyUnderWay): Promise<void> {
  const syncAlong = syncingAlong(file)
  const progress = (pages: Pages) => {
    signal?.throwIfAborted()
    syncAlong(pages)
  }
  for (let tries = 1; ; tries++) {
    const copying = backup(database, path, { rate: PAGES_PER_STEP, progress })
    letStepBegin(FIRST_STEP_MS)
    try {
      await copying
      return
    } catch (error) {
      const wasBusy = (error as { errcode?: number }).errcode === 0
      if (!wasBusy || tries === MOST_TRIES) throw error
    }
  }
}

interface Pages {
  readonly totalPages: number
  readonly remainingPages: number
}

function syncingAlong(file: FileHandle): (pages: Pages) => void {
  let syncedPages = 0
  let isSyncing = false
  return ({ totalPages, remainingPages }) => {
    const copied = totalPages - remainingPages
    if (isSyncing || copied < syncedPages + PAGES_PER_SYNC) return
    syncedPages = copied
    isSyncing = true
    const over = () => {
      isSyncing = false
    }
    // One that fails is made once more at the end, and tells why.
    file.datasync().then(over, over)
  }
}
