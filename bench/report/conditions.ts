import { closeSync, fdatasyncSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'

/** What the figures depend on. `fsync` is measured in the very directory the stores write to. */
export interface Conditions {
  readonly date: string
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly kernel: string
  readonly node: string
  readonly sqlite: string
  readonly filesystem: string
  readonly fsyncMicroseconds: { readonly p50: number; readonly p99: number }
  /** Load average of the last minute before the first run: above about 0.5 the machine was not quiet. */
  readonly loadBefore: number
}

export async function measureConditions(directory: string): Promise<Conditions> {
  mkdirSync(directory, { recursive: true })
  return {
    date: new Date().toISOString(),
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    kernel: `${os.type()} ${os.release()}`,
    node: process.version,
    sqlite: process.versions.sqlite ?? 'unknown',
    filesystem: filesystemOf(directory),
    fsyncMicroseconds: measureFsync(join(directory, 'fsync-probe')),
    loadBefore: Number(os.loadavg()[0]?.toFixed(2)),
  }
}

/** Appends 4 KiB and syncs, 500 times: what one commit of a write-ahead log costs at least. */
function measureFsync(path: string): { p50: number; p99: number } {
  const block = Buffer.alloc(4096, 1)
  const file = openSync(path, 'w')
  const times: number[] = []
  for (let i = 0; i < 500; i++) {
    const start = performance.now()
    writeSync(file, block)
    fdatasyncSync(file)
    times.push((performance.now() - start) * 1000)
  }
  closeSync(file)
  rmSync(path)
  times.sort((a, b) => a - b)
  return { p50: Math.round(times[250] as number), p99: Math.round(times[495] as number) }
}

/** The type of the file system a path lives on: the mount with the longest prefix. */
function filesystemOf(directory: string): string {
  try {
    const path = join(process.cwd(), directory)
    const mounts = readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' '))
      .filter(
        ([, point]) => point !== undefined && (path === point || path.startsWith(point === '/' ? '/' : `${point}/`)),
      )
    mounts.sort((a, b) => (b[1] as string).length - (a[1] as string).length)
    return mounts[0]?.[2] ?? 'unknown'
  } catch {
    return 'unknown'
  }
}
