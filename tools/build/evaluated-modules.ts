import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { lossInJson } from '@taskyard/core'
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
  return exported.map(([name, value]) => `export const ${name} = ${literal(name, value, source)}\n`).join('')
}

function literal(name: string, value: unknown, source: string): string {
  const loss = lossInJson(value)
  if (loss !== null)
    throw new Error(`${source} reads files beside it, and ${name}${loss.path} is no literal: ${loss.message}`)
  return JSON.stringify(value, null, 2)
}
