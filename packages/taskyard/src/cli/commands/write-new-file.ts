import { existsSync } from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { EXIT } from '../exit-codes.ts'
import { CommandFailure } from '../failure.ts'

/**
 * Writes a file that is there whole and synced, or not at all; for its user alone.
 * @param check is called with a name under which it can be read, before it gets its own
 * @returns its size in bytes
 */
export async function writeNewFile(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  check: (path: string) => void,
): Promise<number> {
  const partPath = `${path}.part-${process.pid}`
  try {
    const bytes = await writeSynced(partPath, chunks)
    check(partPath)
    if (existsSync(path)) throw new CommandFailure(`${path} was made by somebody else meanwhile`, EXIT.failed)
    await rename(partPath, path)
    await syncFolder(dirname(path))
    return bytes
  } catch (error) {
    await rm(partPath, { force: true })
    throw isAboutFile(error) ? new CommandFailure(`${path} cannot be written: ${error.message}`, EXIT.failed) : error
  }
}

async function writeSynced(path: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  const file = await open(path, 'wx', 0o600)
  try {
    return await writeAll(file, chunks)
  } finally {
    await file.close()
  }
}

async function writeAll(file: FileHandle, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0
  for await (const chunk of chunks) {
    await file.writeFile(chunk)
    bytes += chunk.length
  }
  await file.sync()
  return bytes
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
