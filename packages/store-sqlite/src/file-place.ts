import { readdirSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import { resolve } from 'node:path'

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
export function watchPlace(path: string): PlaceWatch {
  const realPath = realpathSync(path)
  const logPath = `${realPath}-wal`
  const isFile = recognize(path)
  const isLog = recognize(logPath)
  const areWhereOpened = resolve(path) === realPath ? followOpenFiles([realPath, logPath]) : () => false
  return {
    place() {
      if (areWhereOpened()) return IN_PLACE
      const found = identityOf(path)
      if (found === NOTHING) return misplaced(`${path} was removed or moved away`, PUT_BACK)
      if (!isFile(found)) return misplaced(`${path} was replaced by another file`, PUT_BACK_OR_RESTART)
      const foundLog = identityOf(logPath)
      if (foundLog === NOTHING) return { kind: 'log-lost' }
      return isLog(foundLog) ? IN_PLACE : misplaced(`${logPath} was replaced by another file`, PUT_BACK_OR_RESTART)
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
  return new Set(openLinks().map(identityOf))
}

function openLinks(): readonly string[] {
  try {
    return readdirSync('/proc/self/fd').map((fd) => `/proc/self/fd/${fd}`)
  } catch {
    return []
  }
}

/**
 * Tells whether these files, which this process has open, are still called what they are called now; `false` where the system
 * cannot tell. Asked with each commit, where `stat` makes the next sync a fourth dearer (bench/RESULTS.md): a file whose times
 * were asked for gets new ones with its next write (Linux 6.13, multigrain timestamps).
 */
function followOpenFiles(paths: readonly string[]): () => boolean {
  const links = openLinks()
  const own = paths.map((path) => links.find((link) => nameOf(link) === path))
  return () => own.every((link, i) => link !== undefined && nameOf(link) === paths[i])
}

/** As the system knows it: with ` (deleted)` behind it when the file was removed, or another one took its place. */
function nameOf(link: string): string | null {
  try {
    return readlinkSync(link)
  } catch {
    return null
  }
}
