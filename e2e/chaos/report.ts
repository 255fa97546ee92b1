import { type Verdict, VIOLATION_KINDS, type ViolationKind } from './checker.ts'
import type { Recovery } from './checks/recovery.ts'

/** A verdict for people: every count, and the first violations of each kind. */
export function verdictText(verdict: Verdict): string {
  const kinds = Object.keys(VIOLATION_KINDS) as ViolationKind[]
  return [
    `${verdict.passed ? 'PASSED' : 'FAILED'}${verdict.complete ? '' : ': the history is incomplete'}`,
    '',
    row('acknowledged', verdict.acknowledged, ''),
    row('tasks at the end', verdict.tasks, ''),
    ...kinds.map((kind) => row(words(kind), verdict.violations[kind].length, VIOLATION_KINDS[kind])),
    row('started more than once', verdict.startedMoreThanOnce.tasks, 'allowed; why:'),
    ...Object.entries(verdict.startedMoreThanOnce.reasons).map(([reason, count]) => row(`  ${reason}`, count, '')),
    '',
    recoveryLine('worker killed, start again', verdict.recovery.killed),
    recoveryLine('worker hung, start again', verdict.recovery.hung),
    recoveryLine('server killed, embedded start again', verdict.recovery.embedded),
    recoveryLine('database back, workers start again', verdict.recovery.outage),
    '',
    `faults: ${counts(verdict.faults)}`,
    `kills by point: ${counts(verdict.points)}`,
    ...kinds.flatMap((kind) =>
      verdict.violations[kind].slice(0, 10).map(({ subject, what }) => `${words(kind)}: ${subject}: ${what}`),
    ),
  ].join('\n')
}

function row(name: string, count: number, meaning: string): string {
  return `${name.padEnd(34)} ${String(count).padStart(8)}  ${meaning}`.trimEnd()
}

function words(kind: string): string {
  return kind.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

function recoveryLine(name: string, { judged, notJudged, limitMs, ...times }: Recovery): string {
  const [p50, p99, max] = [times.p50Ms, times.p99Ms, times.maxMs].map((ms) => `${ms ?? '–'} ms`)
  return `${name}: ${judged} judged (${notJudged} not), p50 ${p50}, p99 ${p99} (limit ${limitMs} ms), max ${max}`
}

function counts(record: Readonly<Record<string, number>>): string {
  return Object.entries(record)
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([name, count]) => `${name} ${count}`)
    .join(', ')
}
