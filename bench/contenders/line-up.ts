import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** What is measured. `held-snapshot` is a drain while another session keeps every dead row from being vacuumed. */
export type Work = 'single' | 'batch' | 'drain' | 'held-snapshot' | 'latency'

/** One way to set a system up for one kind of work. */
export interface Tuning {
  /** Shown in reports; unique among the tunings of one work. */
  readonly label: string
  readonly settings?: Readonly<Record<string, unknown>>
  /** Worker processes of a drain. Default 1. */
  readonly processes?: number
}

/** One system under measurement. All tunings of a work are measured and its best one counts. */
export interface Entrant {
  readonly name: string
  readonly version: string
  /** File URL of its `ContenderModule`. */
  readonly module: string
  readonly tunings: Readonly<Partial<Record<Work, readonly Tuning[]>>>
  /** Tasks of its drains at most, for one that would take minutes. */
  readonly mostTasks?: number
  /** It keeps finished tasks, so that a drain beside many of them means something; ours. */
  readonly historyMatters?: boolean
}

export const taskyardModule = new URL('./taskyard.ts', import.meta.url).href

export function taskyardVersion(): string {
  return versionIn('../../packages/taskyard/package.json')
}

/** A peer's adapter and version beside it in bench/peers. */
export function peer(adapter: string, packageName: string): Pick<Entrant, 'module' | 'version'> {
  return {
    module: new URL(`../peers/${adapter}.mjs`, import.meta.url).href,
    version: versionIn(`../peers/node_modules/${packageName}/package.json`),
  }
}

function versionIn(path: string): string {
  const file = fileURLToPath(new URL(path, import.meta.url))
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
