import { once } from 'node:events'
import { readdirSync, rmSync, statfsSync, statSync } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type StoreCopy, TaskyardError } from '@taskyard/core'
import { logOf } from './write-ahead-log.ts'

const READ_BYTES = 1_048_576
/** What has to be left beside a copy, so that the store does not run full because of it. */
const SPARE_BYTES = 64 * 1_048_576

/** Where the copy is until it is read: beside the file, where there is room for files of its size, and for nobody else to see. */
function copyPath(path: string): string {
  return `${path}.copy-under-way-${process.pid}-${Math.round(performance.now())}`
}

/** What `copyPath` makes, and SQLite beside it; a name that begins alike is a file of the user's. */
const LEFT = /^\.copy-under-way-\d+-\d+(-journal|-wal|-shm)?$/

/** Removes what a process left that was killed while it copied. Only while the file is locked. */
export function removeLeftCopies(path: string): void {
  const begin = basename(path)
  try {
    for (const name of readdirSync(dirname(path))) {
      if (name.startsWith(begin) && LEFT.test(name.slice(begin.length)))
        rmSync(join(dirname(path), name), { force: true })
    }
  } catch {
    // It will be tried again by the next start.
  }
}

/**
 * @param copy copies the database to a new file
 * @param ended called once the copy was read, or given up
 * @throws TaskyardError store_full before anything was copied; what `copy` throws
 */
export async function backupOf(
  path: string,
  copy: (to: string) => Promise<unknown>,
  ended: () => void,
): Promise<StoreCopy> {
  if (path === ':memory:') throw new TaskyardError('backup_unsupported', { instead: 'a store in memory has no file' })
  assertRoom(path)
  const to = copyPath(path)
  try {
    await copy(to)
    const file = await open(to, 'r')
    const { size } = await file.stat()
    const stream = file.createReadStream({ highWaterMark: READ_BYTES }).once('close', ended)
    return {
      sizeBytes: size,
      chunks: stream,
      async discard() {
        stream.destroy()
        if (!stream.closed) await once(stream, 'close')
      },
    }
  } finally {
    // Whoever has it open reads on; nothing is left when he ends.
    await rm(to, { force: true })
  }
}

function assertRoom(path: string): void {
  const { bavail, bsize } = statfsSync(dirname(path))
  const needed = sizeOf(path) + sizeOf(logOf(path)) + SPARE_BYTES
  const free = bavail * bsize
  if (free >= needed) return
  const reason = `a copy of ${path} needs ${needed} bytes beside it, and ${free} are free`
  throw new TaskyardError('store_full', { reason })
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
