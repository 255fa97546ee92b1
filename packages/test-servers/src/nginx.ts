import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { debianPackages } from './debian-packages.ts'

/** The nginx of this machine, or else of Debian's packages. */
export async function nginxBinary(): Promise<{ command: string; env: Readonly<Record<string, string>> }> {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']
  const folder = folders.find((path) => existsSync(join(path, 'nginx')))
  if (folder !== undefined) return { command: join(folder, 'nginx'), env: {} }
  const extracted = await debianPackages('nginx')
  return { command: join(extracted.folder, 'usr/sbin/nginx'), env: extracted.env }
}
