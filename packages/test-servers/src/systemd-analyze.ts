import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import { debianPackages } from './debian-packages.ts'

const OF_MACHINE = '/usr/bin/systemd-analyze'

/** The systemd-analyze of this machine, or else of Debian's packages, with the units that they bring. No systemd has to run. */
export async function systemdAnalyze(): Promise<{ command: string; env: Readonly<Record<string, string>> }> {
  return existsSync(OF_MACHINE) ? { command: OF_MACHINE, env: {} } : unpackedSystemdAnalyze()
}

/** That of Debian's packages. */
export async function unpackedSystemdAnalyze(): Promise<{ command: string; env: Readonly<Record<string, string>> }> {
  const { folder, env } = await debianPackages('systemd')
  const own = globSync(join(folder, 'usr/lib/*-linux-gnu*/systemd'))
  const units = ['usr/lib/systemd/system', 'lib/systemd/system'].map((path) => join(folder, path))
  return {
    command: join(folder, 'usr/bin/systemd-analyze'),
    env: { LD_LIBRARY_PATH: [env.LD_LIBRARY_PATH, ...own].join(':'), SYSTEMD_UNIT_PATH: units.join(':') },
  }
}
