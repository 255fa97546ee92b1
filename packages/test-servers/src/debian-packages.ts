import { execFile } from 'node:child_process'
import { globSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { inCache } from './cache.ts'

const run = promisify(execFile)

/** Packages that carry nothing which a server in a test needs. */
const NOT_NEEDED =
  /^(libllvm|libclang|ssl-cert|logrotate|cron|postgresql-common|postgresql-client-common|perl|libjson|lsb-)/

export interface Extracted {
  /** Takes the place of `/`. */
  readonly folder: string
  readonly env: Readonly<Record<string, string>>
}

/**
 * A package of Debian with those that it needs and this machine lacks, unpacked in the cache: nothing is installed and
 * no service is started.
 * @throws with instructions, where there are no such packages to be had
 */
export async function debianPackages(name: string): Promise<Extracted> {
  const folder = await inCache(`debian-${name}`, null, (target) => download(name, target)).catch((cause: Error) => {
    throw new Error(
      `The tests need ${name}, and it could not be fetched. Install it (Debian, Ubuntu: apt-get install ${name}) and try again: ${cause.message}`,
      { cause },
    )
  })
  const libraries = globSync(join(folder, 'usr/lib/*-linux-gnu*'))
  return { folder, env: { LD_LIBRARY_PATH: libraries.join(':') } }
}

async function download(name: string, target: string): Promise<void> {
  console.error(`Fetching ${name} for the tests, once`)
  const packages = await missingPackages(name)
  const downloads = `${target}-packages`
  mkdirSync(downloads, { recursive: true })
  await run('apt-get', ['download', '-qq', ...packages], { cwd: downloads })
  mkdirSync(target)
  for (const file of globSync('*.deb', { cwd: downloads })) await run('dpkg-deb', ['-x', join(downloads, file), target])
}

async function missingPackages(name: string): Promise<readonly string[]> {
  const plan = await simulatedInstall(name).catch(async () => {
    await run('apt-get', ['update', '-qq', '-o', 'Acquire::http::Timeout=20', '-o', 'Acquire::Retries=1'])
    return simulatedInstall(name)
  })
  return plan.filter((found) => !NOT_NEEDED.test(found))
}

async function simulatedInstall(name: string): Promise<readonly string[]> {
  const { stdout } = await run('apt-get', ['install', '--simulate', '--no-install-recommends', name])
  const packages = [...stdout.matchAll(/^Inst (\S+)/gm)].map(([, found]) => found as string)
  return packages.length === 0 ? [name] : packages
}
