import { access, constants, stat, statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { type Finding, finding } from '@taskyard/core'
import { isLogFilled } from '@taskyard/store-sqlite/sqlite'
import type { Examined } from './examined.ts'
import { inspectSqliteFile } from './inspect-sqlite-file.ts'
import { nearestFolder } from './nearest-folder.ts'

const MIB = 1_048_576

/** Whether the file can be used, is whole, and belongs to nobody else. Changes and creates nothing. */
export async function checkSqliteFile(storePath: string, examined: Examined): Promise<Finding> {
  const path = resolve(storePath)
  const { server } = examined
  // A server that says why it cannot serve, and names this file, knows more than the file shows.
  if (server?.isTaskyard && server.reason?.includes(path)) return finding.problem('store', server.reason, WHILE_RUNNING)
  const file = await stat(path).catch(() => null)
  if ((file === null || file.size === 0) && isLogFilled(path)) return logAlone(path)
  if (file === null) return checkPlaceForNewFile(path)
  if (file.isDirectory())
    return finding.problem('store', `${path} is a folder`, 'Let TASKYARD_STORE name a file: sqlite:PATH.')
  if (!(await isWritable(path)) || !(await isWritable(dirname(path)))) return notWritable(path)
  return checkFile(path, file.size, examined)
}

/** Room where the store is, or will be. */
export async function checkDiskSpace(storePath: string): Promise<Finding> {
  const folder = await nearestFolder(dirname(resolve(storePath)))
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  const detail = `${Math.round(free / MIB).toLocaleString('en')} MiB free at ${folder}`
  if (free < 64 * MIB)
    return finding.problem('disk', detail, 'Free some space: the server refuses tasks when the disk is full.')
  if (free < 1024 * MIB)
    return finding.warning('disk', detail, 'Free some space, or lower TASKYARD_RETENTION_MEGABYTES.')
  return finding.ok('disk', detail)
}

function checkFile(path: string, bytes: number, { server, url }: Examined): Finding {
  const inspection = inspectSqliteFile(path)
  switch (inspection.kind) {
    case 'whole':
      return finding.ok('store', `${path} is whole, ${(bytes / MIB).toFixed(1)} MiB`)
    case 'foreign':
      return finding.problem(
        'store',
        `${path} is a database of another program`,
        'Let TASKYARD_STORE name a file of its own.',
      )
    case 'log-lost':
      return finding.problem(
        'store',
        `${path} was copied without its log, or ${path}-wal is empty or damaged: a start refuses it`,
        'Restore a backup made by taskyard backup, or see the page "Running on SQLite", section "Copied without its log".',
      )
    case 'damaged':
      return finding.problem(
        'store',
        `${path} is damaged: ${inspection.reason}`,
        'Keep the file, restore the last backup, then start again.',
      )
    case 'locked':
      return server?.isTaskyard
        ? finding.ok('store', `${path} is in use by a running server`)
        : lockedBySomebody(path, url)
  }
}

function lockedBySomebody(path: string, url: string): Finding {
  return finding.warning(
    'store',
    `${path} is in use, but no server answers at ${url}`,
    'If that server listens elsewhere, name it with --url. If it hangs, end it: its tasks are recovered at the next start.',
  )
}

function logAlone(path: string): Finding {
  return finding.problem(
    'store',
    `${path} is missing or empty, and its log is there, ${path}-wal: a start refuses it`,
    'Put the file beside its log, restore a backup, or move the log away to begin with an empty store.',
  )
}

async function checkPlaceForNewFile(path: string): Promise<Finding> {
  const folder = await nearestFolder(dirname(path))
  if (await isWritable(folder)) return finding.ok('store', `${path} does not exist yet; the first start creates it`)
  return finding.problem('store', `${path} cannot be created: ${folder} is not writable`, WRITABLE)
}

function notWritable(path: string): Finding {
  return finding.problem('store', `${path} or its folder is not writable`, WRITABLE)
}

const WHILE_RUNNING = 'See the page "Running on SQLite", sections "When the file is moved or removed" and "Full disk".'

const WRITABLE = 'Give the user that runs Taskyard the right to write there, or change TASKYARD_STORE.'

function isWritable(path: string): Promise<boolean> {
  return access(path, constants.W_OK).then(
    () => true,
    () => false,
  )
}
