import { copyDatabase } from './copy-database.ts'
import { openDatabase } from './database.ts'

/**
 * Copies the file of a store that no server has, of whatever schema, to a new file for its user alone. What is in the original, and
 * how, stays as it is: servers of the version that made it start on both.
 * @param signal ends it; the part that is there is the caller's to remove
 * @throws TaskyardError store_locked, store_corrupt, store_log_lost, …; what the file system throws about the copy; the reason of the signal
 */
export async function copySqliteFile(path: string, to: string, signal?: AbortSignal): Promise<void> {
  const database = openDatabase(path)
  try {
    await copyDatabase(database, to, signal)
  } finally {
    database.close()
  }
}
