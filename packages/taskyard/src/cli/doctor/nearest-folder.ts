import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** The folder itself, or the nearest one above it that exists. */
export async function nearestFolder(folder: string): Promise<string> {
  const found = await stat(folder).catch(() => null)
  return found?.isDirectory() || folder === dirname(folder) ? folder : nearestFolder(dirname(folder))
}
