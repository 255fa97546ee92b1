import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { WorkspacePackage } from './workspace.ts'

/**
 * A module of literals for one that reads files beside it, which are not in the package: what it exports is written there.
 * `undefined` for any other.
 */
export async function evaluatedSource({ path }: WorkspacePackage, file: string): Promise<string | undefined> {
  if (!file.endsWith('.js')) return undefined
  const source = join(path, 'src', file.replace(/\.js$/, '.ts'))
  const text = readFileSync(source, 'utf8')
  if (!/\bread(File|dir)Sync\(/.test(text) || !text.includes('import.meta.url')) return undefined
  const exported = Object.entries((await import(pathToFileURL(source).href)) as object)
  return exported.map(([name, value]) => `export const ${name} = ${JSON.stringify(value, null, 2)}\n`).join('')
}
