import { execFileSync } from 'node:child_process'
import { existsSync, globSync, realpathSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { debianPackages } from './debian-packages.ts'

const OLDEST = 15

export interface Binaries {
  readonly folder: string
  readonly env: Readonly<Record<string, string>>
  readonly version: string
}

/** PostgreSQL 15 or later of this machine, or else of Debian's packages. */
export async function postgresBinaries(): Promise<Binaries> {
  const found = installed('/').find(isRecent)
  if (found !== undefined) return found
  const { folder, env } = await debianPackages('postgresql')
  const extracted = installed(folder, env).find(isRecent)
  if (extracted === undefined) throw new Error(`the packages in ${folder} hold no PostgreSQL ${OLDEST} or later`)
  return extracted
}

function installed(root: string, env: Binaries['env'] = {}): readonly Binaries[] {
  const path = root === '/' ? (process.env.PATH ?? '').split(delimiter) : []
  const folders = [...globSync(join(root, 'usr/lib/postgresql/*/bin')), ...path]
  return folders
    .filter((folder) => existsSync(join(folder, 'postgres')) && existsSync(join(folder, 'initdb')))
    .map((folder) => {
      const real = dirname(realpathSync(join(folder, 'postgres')))
      return { folder: real, env, version: versionOf(join(real, 'postgres'), env) }
    })
    .sort((a, b) => Number.parseInt(b.version, 10) - Number.parseInt(a.version, 10))
}

function versionOf(postgres: string, env: Binaries['env']): string {
  const said = execFileSync(postgres, ['--version'], { encoding: 'utf8', env: { ...process.env, ...env } })
  return /(\d+(\.\d+)?)/.exec(said)?.[1] ?? '0'
}

function isRecent({ version }: Binaries): boolean {
  return Number.parseInt(version, 10) >= OLDEST
}
