import type { Figure } from '../scenario.ts'
import type { Conditions } from './conditions.ts'

export interface Measured {
  readonly scenario: string
  readonly settings: readonly string[]
  readonly conditions: Conditions
  /** Conditions that only the runs knew. */
  readonly recorded: readonly string[]
  readonly runs: readonly (readonly Figure[])[]
}

interface Summary extends Omit<Figure, 'value'> {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly values: readonly number[]
}

export function jsonReport(measured: Measured): string {
  const { runs, ...rest } = measured
  return JSON.stringify({ ...rest, runs: runs.length, figures: summarize(runs) }, null, 2)
}

export function textReport({ scenario, settings, conditions, recorded, runs }: Measured): string {
  const rows = summarize(runs).map((summary) => [
    summary.name,
    shown(summary.median),
    shown(summary.min),
    shown(summary.max),
    summary.unit,
    verdict(summary),
  ])
  return [
    `# ${scenario}, ${runs.length} runs`,
    '',
    ...settings.map((line) => `- ${line}`),
    '',
    ...table(['figure', 'median', 'min', 'max', 'unit', 'target'], rows),
    '',
    ...recorded,
    conditionsLine(conditions),
  ].join('\n')
}

/** Median, least and greatest of every figure over the runs, in the order of the first run. */
export function summarize(runs: readonly (readonly Figure[])[]): readonly Summary[] {
  return (runs[0] ?? []).map(({ value: _, ...figure }) => {
    const values = runs.flatMap((run) => run.filter(({ name }) => name === figure.name).map(({ value }) => value))
    return { ...figure, median: median(values), min: Math.min(...values), max: Math.max(...values), values }
  })
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] as number
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2
}

function verdict({ target, median }: Summary): string {
  if (target === undefined) return ''
  if ('atLeast' in target) return `≥ ${shown(target.atLeast)}: ${median >= target.atLeast ? 'met' : 'MISSED'}`
  return `≤ ${shown(target.atMost)}: ${median <= target.atMost ? 'met' : 'MISSED'}`
}

function shown(value: number): string {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US')
  return value.toFixed(Math.abs(value) >= 100 ? 0 : 2)
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((cell, column) => Math.max(cell.length, ...rows.map((row) => (row[column] ?? '').length)))
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] as number)).join(' | ')} |`
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)]
}

function conditionsLine(conditions: Conditions): string {
  const { cpu, cores, memoryGiB, kernel, node, sqlite, filesystem, fsyncMicroseconds, loadBefore, date } = conditions
  return (
    `${date}: ${cpu}, ${cores} cores, ${memoryGiB} GiB, ${kernel}, Node ${node}, SQLite ${sqlite}, ${filesystem}, ` +
    `write + fdatasync of 4 KiB p50 ${fsyncMicroseconds.p50} µs, p99 ${fsyncMicroseconds.p99} µs, load before ${loadBefore}`
  )
}
