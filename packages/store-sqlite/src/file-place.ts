import { readdirSync, realpathSync, type Stats, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Clock } from '@taskyard/core'

/** Where the open file and its write-ahead log are, as somebody who opens the path would find them. */
export type Place =
  | { readonly kind: 'in-place' }
  /** The log was removed: what is committed goes to a file that nobody will find. */
  | { readonly kind: 'log-lost' }
  /** A path leads to no file, or to another one. */
  | { readonly kind: 'misplaced'; readonly reason: string }

export interface PlaceWatch {
  place(): Place
  /** Whether the path leads to the open file; whatever became of its log. */
  leadsToFile(): boolean
}

/**
 * Tells whether the path still leads to the file that is open now. SQLite does not look in WAL mode: it goes on with a file
 * that was removed or moved away, and everything it commits would be gone at the next start.
 */
export function watchPlace(path: string, clock: Clock): PlaceWatch {
  const realPath = realpathSync(path)
  const logPath = `${realPath}-wal`
  const isFile = recognize(path)
  const isLog = recognize(logPath)
  // Whoever changes a link on the way to the file changes another folder.
  const isFolderSame = resolve(path) === realPath ? watchFolder(() => folderAt(dirname(path)), clock) : () => false
  let last: Place | null = null

  function look(): Place {
    const found = identityOf(path)
    if (found === NOTHING) return misplaced(`${path} was removed or moved away`, PUT_BACK)
    if (!isFile(found)) return misplaced(`${path} was replaced by another file`, PUT_BACK_OR_RESTART)
    const foundLog = identityOf(logPath)
    if (foundLog === NOTHING) return { kind: 'log-lost' }
    return isLog(foundLog) ? IN_PLACE : misplaced(`${logPath} was replaced by another file`, PUT_BACK_OR_RESTART)
  }

  return {
    place() {
      if (!isFolderSame() || last !== IN_PLACE) last = look()
      return last
    },
    leadsToFile: () => isFile(identityOf(path)),
  }
}

const IN_PLACE: Place = { kind: 'in-place' }

/** Of a database in memory, which nobody can take away. */
export const IN_MEMORY: PlaceWatch = { place: () => IN_PLACE, leadsToFile: () => true }

const PUT_BACK = 'put it back; a restart of the server would begin with an empty store'
const PUT_BACK_OR_RESTART = 'put the open file back, or restart the server to use what is there'

function misplaced(what: string, advice: string): Place {
  return { kind: 'misplaced', reason: `${what} while it was in use; ${advice}` }
}

const NOTHING = 'nothing'

/** Device and inode; `null` when they cannot be told, which is no sign of a loss. */
function identityOf(path: string): string | null {
  try {
    const found = statSync(path, { bigint: true, throwIfNoEntry: false })
    return found === undefined ? NOTHING : `${found.dev}:${found.ino}`
  } catch {
    return null
  }
}

/** Tells the file that is at the path now from others, later. */
function recognize(path: string): (found: string | null) => boolean {
  let own = identityOf(path)
  return (found) => {
    if (found === null || own === null || found === own) return true
    if (found === NOTHING || !wasRenumbered(own, found)) return false
    own = found
    return true
  }
}

/** Some file systems (FUSE, shared folders of virtual machines) give an open file another number: then it has that one here too. */
function wasRenumbered(own: string, found: string): boolean {
  const open = openFiles()
  return open.has(found) && !open.has(own)
}

/** What this process has open, where the system tells it (Linux). */
function openFiles(): ReadonlySet<string | null> {
  try {
    return new Set(readdirSync('/proc/self/fd').map((fd) => identityOf(`/proc/self/fd/${fd}`)))
  } catch {
    return new Set()
  }
}

type FolderStats = Pick<Stats, 'ctimeMs' | 'ino' | 'dev'>

/**
 * Tells whether anything in the folder was made, removed or renamed since it was asked before, or another folder is there
 * now. With each commit that costs less than a look at the files, whose next sync is a fourth dearer after it
 * (bench/RESULTS.md): a file whose times were asked for gets new ones with its next write (Linux 6.13, multigrain timestamps).
 */
export function watchFolder(look: () => FolderStats | null, clock: Clock): () => boolean {
  let before: FolderStats | null = null
  return () => {
    const found = look()
    const isSame = found !== null && before !== null && areSame(found, before)
    before = found !== null && hasSettled(found, clock.now()) ? found : null
    return isSame
  }
}

function folderAt(path: string): FolderStats | null {
  try {
    return statSync(path)
  } catch {
    return null
  }
}

/** Nobody can set the time of change, as those do that restore a folder from a copy. Roots of volumes have the same number. */
function areSame(a: FolderStats, b: FolderStats): boolean {
  return a.ctimeMs === b.ctimeMs && a.ino === b.ino && a.dev === b.dev
}

/** A second change within the grain of the file system's clock would leave the time as it is. */
function hasSettled({ ctimeMs }: FolderStats, now: number): boolean {
  const grainMs = ctimeMs % 1000 === 0 ? 2000 : 20
  return now - ctimeMs > grainMs
}
