import { realpathSync } from 'node:fs'

/** A file of the same name with a suffix, where SQLite has its own: in the folder of the file that a link leads to. */
export function beside(path: string, suffix: string): string {
  return `${realPathOf(path)}${suffix}`
}

function realPathOf(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    // It is not there yet, or it is told when it is opened.
    return path
  }
}
