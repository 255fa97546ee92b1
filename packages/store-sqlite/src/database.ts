import { accessSync, closeSync, constants, existsSync, mkdirSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { MigrationReport } from '@taskyard/core'
import { TaskyardError } from '@taskyard/core'
import { makeInUseFile, removeInUseFile, wasLogMovedIn } from './in-use-file.ts'
import { isOurMark, markOf, NEEDS_LOG, sayWholeUnopened, WHOLE_FILE } from './log-mark.ts'
import { MIGRATIONS } from './migration-files.ts'
import { DatabaseSync } from './sqlite.ts'
import { isAboutTheFile, isLocked, toStoreError } from './sqlite-errors.ts'
import { hasLog, isLogFilled, logOf } from './write-ahead-log.ts'

/** Files up to this size are checked whole at start; larger ones only where the live tasks are. Bytes. */
const FULL_CHECK_BYTES = 256 * 1024 * 1024
/** So long a start waits for a lock, as a `taskyard doctor` may have it for a moment; and so long it sleeps between two tries. */
const LOCK_MS = 2000
const LOCK_STEP_MS = 5

const asleep = new Int32Array(new SharedArrayBuffer(4))

/**
 * Opens the file and keeps it locked for this process: with `locking_mode=EXCLUSIVE` a second server is refused.
 * @param acceptLostLog opens a file that needs its log without it, too
 * @throws TaskyardError store_locked, store_corrupt, store_log_lost, store_read_only or store_unavailable
 */
export function openDatabase(path: string, acceptLostLog = false): DatabaseSync {
  try {
    const isNewlyInUse = path !== ':memory:' && prepareFiles(path, acceptLostLog)
    const database = new DatabaseSync(path, { timeout: 0 })
    let isOurs = false
    try {
      lock(database)
      assertOurs(database, path)
      isOurs = true
      configure(database)
      checkIntegrity(database, path)
    } catch (error) {
      database.close()
      if (isNewlyInUse && !isOurs) removeInUseFile(path)
      throw error
    }
    return database
  } catch (error) {
    const reason = isAboutTheFile(error) ? whyNotWritable(path) : null
    throw reason === null
      ? toStoreError(error, path)
      : new TaskyardError('store_read_only', { reason }, { cause: error })
  }
}

/**
 * Before SQLite opens them: it takes a log away that it cannot read, one whose file is empty, and at its end every log.
 * @returns whether the file was not known to be in use, and is from now on
 */
function prepareFiles(path: string, acceptLostLog: boolean): boolean {
  if (!isFilled(path)) {
    if (isLogFilled(path)) throw new TaskyardError('store_corrupt', { path, reason: logAlone(path) })
    makeFile(path)
    return false
  }
  if (hasLog(path)) return tryMakeInUseFile(path)
  if (markInFile(path) === NEEDS_LOG) {
    if (!acceptLostLog && !wasLogMovedIn(path)) throw new TaskyardError('store_log_lost', { path })
    sayWholeUnopened(path)
  }
  return false
}

/** On a full disk a server starts all the same. */
function tryMakeInUseFile(path: string): boolean {
  try {
    return makeInUseFile(path)
  } catch {
    return false
  }
}

function logAlone(path: string): string {
  return `only its log is there, ${logOf(path)}: put the file beside it, or move the log away to begin with an empty store`
}

function isFilled(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0
}

/** What the file says without its log. Nothing is locked, made or removed (`immutable`). */
function markInFile(path: string): number {
  const url = pathToFileURL(path)
  url.searchParams.set('immutable', '1')
  try {
    const database = new DatabaseSync(url, { readOnly: true })
    try {
      return markOf(database)
    } finally {
      database.close()
    }
  } catch {
    // Whatever is wrong with it is told when it is opened in earnest.
    return 0
  }
}

/** SQLite says "disk I/O error" or "unable to open database file" also where a right is all that is missing. */
function whyNotWritable(path: string): string | null {
  const files = [path, `${path}-wal`, `${path}-shm`].filter((file) => existsSync(file))
  for (const target of [...files, dirname(path)]) {
    try {
      accessSync(target, constants.W_OK)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === 'EROFS') return `${target} is on a file system that is mounted read-only`
      if (code === 'EACCES' || code === 'EPERM') return `the user that runs Taskyard may not write ${target}`
    }
  }
  return null
}

/** For its user alone, as SQLite makes the log like it. One that is there is not opened: closing it would end the locks on it. */
function makeFile(path: string): void {
  makeFolder(dirname(path))
  if (existsSync(path)) return
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch {
    // SQLite says what is wrong with it.
  }
}

/** One level after the other: with `recursive`, `mkdirSync` never ends where /proc says that its own folder is not there. */
function makeFolder(path: string): void {
  if (existsSync(path)) return
  makeFolder(dirname(path))
  try {
    mkdirSync(path, 0o700)
  } catch (error) {
    // Unless another process was quicker.
    if (!existsSync(path)) throw error
  }
}

// The exclusive lock is taken by the first write, so that two servers starting together cannot both pass.
function lock(database: DatabaseSync): void {
  const endAt = performance.now() + LOCK_MS
  database.exec('PRAGMA locking_mode = EXCLUSIVE')
  for (;;) {
    try {
      return database.exec('BEGIN IMMEDIATE; COMMIT')
    } catch (error) {
      if (!isLocked(error) || performance.now() > endAt) throw error
      Atomics.wait(asleep, 0, 0, LOCK_STEP_MS)
    }
  }
}

// Before anything is changed, the journal mode included: the file may be somebody else's.
function assertOurs(database: DatabaseSync, path: string): void {
  if (!isEmpty(database) && !isOurMark(markOf(database))) {
    throw new TaskyardError('store_corrupt', { path, reason: 'it is a database of another program' })
  }
}

function isEmpty(database: DatabaseSync): boolean {
  return database.prepare('SELECT 1 FROM sqlite_master LIMIT 1').get() === undefined
}

function configure(database: DatabaseSync): void {
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA cache_size = -8192;
    PRAGMA wal_autocheckpoint = 4000;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA temp_store = MEMORY;
  `)
}

function checkIntegrity(database: DatabaseSync, path: string): void {
  for (const target of isEmpty(database) ? [] : checkTargets(path)) {
    const problem = database.prepare(`PRAGMA quick_check(${target})`).get() as { quick_check: string } | undefined
    if (problem !== undefined && problem.quick_check !== 'ok') {
      throw new TaskyardError('store_corrupt', { path, reason: problem.quick_check })
    }
  }
}

function checkTargets(path: string): readonly (string | number)[] {
  const isSmall = path === ':memory:' || statSync(path).size <= FULL_CHECK_BYTES
  return isSmall ? [1] : ['lanes', 'counters', 'leases', 'scheduled']
}

/**
 * Applies the migrations the file lacks, each in a transaction of its own.
 * @throws TaskyardError store_too_new
 */
export function migrate(database: DatabaseSync, path: string): MigrationReport {
  const { user_version: from } = database.prepare('PRAGMA user_version').get() as { user_version: number }
  if (from > MIGRATIONS.length)
    throw new TaskyardError('store_too_new', { path, found: from, known: MIGRATIONS.length })
  for (let version = from + 1; version <= MIGRATIONS.length; version++) {
    database.exec(`BEGIN IMMEDIATE;
      ${MIGRATIONS[version - 1]}
      PRAGMA application_id = ${WHOLE_FILE};
      PRAGMA user_version = ${version};
      COMMIT`)
  }
  return { from, to: MIGRATIONS.length }
}
