import { TaskyardError } from '@taskyard/core'
import type { Run } from './database.ts'

/** A setting of the database or the role that Taskyard cannot work with. */
export interface WrongSetting {
  readonly detail: string
  readonly advice: string
}

/** What is wrong with the settings that this connection has. */
export async function wrongSettings(run: Run): Promise<readonly WrongSetting[]> {
  const [row] = await run<[encoding: string, arrayNulls: string, database: string]>(
    `SELECT current_setting('server_encoding'), current_setting('array_nulls'), current_database()`,
  )
  const [encoding, arrayNulls, database] = row as NonNullable<typeof row>
  const wrong: WrongSetting[] = []
  if (encoding !== 'UTF8') {
    wrong.push({
      detail: `the encoding of the database "${database}" is ${encoding}, which lacks most of the characters that tasks may hold`,
      advice: `Use a database that was made with ENCODING 'UTF8'.`,
    })
  }
  if (arrayNulls !== 'on') {
    wrong.push({
      detail: 'array_nulls is off, so that missing values would be stored as the word NULL',
      advice: 'Reset it: ALTER ROLE … RESET array_nulls, ALTER DATABASE … RESET array_nulls, or in postgresql.conf.',
    })
  }
  return wrong
}

/** How many locks the server has room for, of all its sessions. */
export async function lockTableSize(run: Run): Promise<number> {
  const [row] = await run<[string]>(
    `SELECT current_setting('max_locks_per_transaction')::bigint
       * (current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint)`,
  )
  return Number(row?.[0])
}

/** @throws TaskyardError invalid_configuration */
export async function checkSettings(run: Run): Promise<void> {
  const [wrong] = await wrongSettings(run)
  if (wrong === undefined) return
  throw new TaskyardError('invalid_configuration', { reason: `TASKYARD_STORE: ${wrong.detail}. ${wrong.advice}` })
}
