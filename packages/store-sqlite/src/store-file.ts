import { type Clock, type MigrationReport, TaskyardError } from '@taskyard/core'
import { removeLeftCopies } from './backup.ts'
import { createCheckpoints, moveLogIntoFile, saveLog } from './checkpoints.ts'
import { copyDatabase, createTurns } from './copy-database.ts'
import { migrate, openDatabase } from './database.ts'
import { IN_MEMORY, watchPlace } from './file-place.ts'
import { type Answer, type Call, commitTogether } from './group-commit.ts'
import { removeInUseFile } from './in-use-file.ts'
import { sayInUse, sayWhole } from './log-mark.ts'
import { READS } from './operations/index.ts'
import type { DatabaseSync } from './sqlite.ts'
import { toStoreError } from './sqlite-errors.ts'
import { createState, type State } from './state.ts'

/** The file, open and locked. */
export interface StoreFile {
  readonly report: MigrationReport
  readonly state: State
  /** Runs the calls in one transaction; acknowledges no write that the next start of a server would not find. */
  commit(calls: readonly Call[]): Answer[]
  /** Copies everything to a new file; what is committed meanwhile may be in it. */
  copy(to: string): Promise<void>
  close(): void
}

/** @throws TaskyardError store_locked, store_corrupt, store_log_lost, store_too_new, store_read_only, store_full or store_unavailable */
export function openStoreFile(path: string, clock: Clock, acceptLostLog: boolean): StoreFile {
  return new LockedFile(path, clock, acceptLostLog)
}

class LockedFile implements StoreFile {
  readonly report: MigrationReport
  readonly #path: string
  readonly #clock: Clock
  #opened: OpenFile
  /** Why nothing can be written; asked for again with each call. */
  #trouble: TaskyardError | null = null
  readonly #checkpoints
  /** Under way. */
  #copies = 0
  readonly #letCopiesGoOn = createTurns()

  constructor(path: string, clock: Clock, acceptLostLog: boolean) {
    this.#path = path
    this.#clock = clock
    this.#opened = open(path, clock, acceptLostLog)
    this.report = this.#opened.report
    this.#checkpoints = createCheckpoints(clock, () => moveLogIntoFile(this.state.database))
  }

  get state(): State {
    return this.#opened.state
  }

  commit(calls: readonly Call[]): Answer[] {
    if (this.#trouble !== null) this.#lookAround()
    if (this.#trouble !== null) return this.#commitReads(calls, this.#trouble)
    if (this.#copies > 0) this.#letCopiesGoOn()
    const answers = commitTogether(this.#opened.state, calls)
    if (calls.every(isRead)) return answers
    this.#checkpoints.committed()
    // After the commit: what is found in its place now was there when the calls were committed.
    this.#lookAround()
    const error = this.#trouble as TaskyardError | null
    return error === null ? answers : answers.map((answer, i) => (isRead(calls[i] as Call) ? answer : { error }))
  }

  async copy(to: string): Promise<void> {
    this.#copies += 1
    try {
      await copyDatabase(this.state.database, to)
    } catch (error) {
      throw toStoreError(error, this.#path)
    } finally {
      this.#copies -= 1
    }
  }

  close(): void {
    this.#checkpoints.stop()
    if (this.#opened.state.database.isOpen) closeWhole(this.#opened, this.#path)
  }

  #commitReads(calls: readonly Call[], error: TaskyardError): Answer[] {
    const answers = commitTogether(this.#opened.state, calls.filter(isRead)).values()
    return calls.map((call) => (isRead(call) ? (answers.next().value as Answer) : { error }))
  }

  #lookAround(): void {
    const before = this.#trouble
    this.#trouble = this.#findTrouble()
    // Whoever finds the file where it is now finds all of it there, and no log stays behind for a file that took its place.
    if (before === null && this.#trouble !== null) trySayWhole(this.state.database)
    if (before !== null && this.#trouble === null) trySayInUse(this.state.database, this.#path)
  }

  #findTrouble(): TaskyardError | null {
    const place = this.#opened.watch.place()
    if (place.kind === 'misplaced') return new TaskyardError('store_unavailable', { reason: place.reason })
    try {
      if (place.kind === 'log-lost' || !this.#opened.state.database.isOpen) this.#renewLog()
      return null
    } catch (error) {
      return toStoreError(error, this.#path)
    }
  }

  /** The log's content goes into the file, and a new log is begun. */
  #renewLog(): void {
    const { state, watch } = this.#opened
    if (state.database.isOpen) {
      saveLog(state.database)
      closeWhole(this.#opened, this.#path)
    }
    const reopened = open(this.#path, this.#clock, false)
    if (!watch.leadsToFile()) {
      closeWhole(reopened, this.#path)
      throw new TaskyardError('store_unavailable', { reason: `${this.#path} was replaced while its log was renewed` })
    }
    const { nodes, readyLanes, retentionFloor, skippedMs, unshiftedMs } = state
    Object.assign(reopened.state, { nodes, readyLanes, retentionFloor, skippedMs, unshiftedMs })
    this.#opened = reopened
  }
}

type OpenFile = ReturnType<typeof open>

function open(path: string, clock: Clock, acceptLostLog: boolean) {
  const database = openDatabase(path, acceptLostLog)
  try {
    const report = migrate(database, path)
    trySayInUse(database, path)
    removeLeftCopies(path)
    const state = createState(database, path)
    return { report, state, watch: path === ':memory:' ? IN_MEMORY : watchPlace(path, clock) }
  } catch (error) {
    database.close()
    throw error
  }
}

/** On a full disk a server starts all the same. */
function trySayInUse(database: DatabaseSync, path: string): void {
  try {
    sayInUse(database, path)
  } catch {}
}

function trySayWhole(database: DatabaseSync): boolean {
  try {
    sayWhole(database)
    return true
  } catch {
    // What is acknowledged is in the log; and the calls that come now are refused, with the reason that matters.
    return false
  }
}

/** Where the file was moved, what is beside its path belongs to whoever has taken its place. */
function closeWhole({ state: { database }, watch }: OpenFile, path: string): void {
  if (trySayWhole(database) && watch.leadsToFile()) removeInUseFile(path)
  database.close()
}

function isRead({ operation }: Call): boolean {
  return READS.has(operation)
}
