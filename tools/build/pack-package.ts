import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

interface Packed {
  readonly filename: string
  readonly size: number
  readonly unpackedSize: number
}

/** Makes the tarball of a package's folder in `dist`; returns a line about it for people. */
export function packPackage(folder: string, dist: string): string {
  const args = ['pack', folder, '--json', '--pack-destination', dist]
  const { status, stdout, stderr, error } = spawnSync('npm', args, { cwd: dist, encoding: 'utf8' })
  if (status !== 0) throw new Error(`npm pack: ${error?.message ?? stderr}`)
  const answer = JSON.parse(stdout) as Record<string, Packed> | readonly Packed[]
  const [{ filename, size, unpackedSize }] = Object.values(answer) as [Packed]
  const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { dependencies: object }
  const sizes = `${kilobytes(size)} kB, unpacked ${kilobytes(unpackedSize)} kB`
  return `${join(dist, filename)}  ${sizes}, ${Object.keys(dependencies).length} dependencies`
}

function kilobytes(bytes: number): number {
  return Math.ceil(bytes / 1000)
}
