import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { WorkspacePackage } from './workspace.ts'

/** Modules that read files beside them. What they export is written into the package, where there are no such files. */
const EVALUATED = [
  'http/version.js',
  'store-postgres/migration-files.js',
  'store-redis/scripts.js',
  'store-sqlite/migration-files.js',
  'taskyard/version.js',
]

/** A module of literals for one that is evaluated by the build; `undefined` for any other. */
export async function evaluatedSource({ folder, path }: WorkspacePackage, file: string): Promise<string | undefined> {
  if (!EVALUATED.includes(`${folder}/${file}`)) return undefined
  const source = pathToFileURL(join(path, 'src', file.replace(/\.js$/, '.ts')))
  const exported = Object.entries((await import(source.href)) as object)
  return exported.map(([name, value]) => `export const ${name} = ${JSON.stringify(value, null, 2)}\n`).join('')
}
