import { existsSync } from 'node:fs'
import { mkdtemp, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { EXIT } from '../exit-codes.ts'
import { CommandFailure } from '../failure.ts'

/**
 * Makes a file that is there whole, or not at all.
 * @param write makes it under another name, and syncs it
 * @param check is called with that name, before the file gets its own
 * @returns its size in bytes
 */
export async function writeNewFile(
  path: string,
  write: (path: string) => Promise<void>,
  check: (path: string) => void,
): Promise<number> {
  const folder = await makeFolderBeside(path)
  const partPath = join(folder, basename(path))
  try {
    await write(partPath)
    check(partPath)
    const { size } = await stat(partPath)
    if (existsSync(path)) throw new CommandFailure(`${path} was made by somebody else meanwhile`, EXIT.failed)
    await rename(partPath, path)
    await syncFolder(dirname(path))
    return size
  } catch (error) {
    throw isAboutFile(error) ? cannotBeWritten(path, error) : error
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Of a name that nobody has, whatever others have left; for its user alone. */
async function makeFolderBeside(path: string): Promise<string> {
  try {
    return await mkdtemp(`${path}.part-`)
  } catch (error) {
    throw cannotBeWritten(path, error as NodeJS.ErrnoException)
  }
}

function cannotBeWritten(path: string, { code, message }: NodeJS.ErrnoException): CommandFailure {
  const isFolderMissing = code === 'ENOENT' && !existsSync(dirname(path))
  const reason = isFolderMissing ? `there is no folder ${dirname(path)}` : message
  return new CommandFailure(`${path} cannot be written: ${reason}`, EXIT.failed)
}

/** So that the name survives a power failure, too. Not every system can. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => null)
  await folder?.sync().catch(() => {})
  await folder?.close()
}

function isAboutFile(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'path' in error
}
