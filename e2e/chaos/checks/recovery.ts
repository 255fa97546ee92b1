import { SUSPECT_CRASHES } from '@taskyard/core'
import type { FaultEvent } from '../history.ts'
import type { Lease, RunRecord, TaskRecord } from '../run-record.ts'
import { roleOf } from '../target.ts'
import type { Violation } from '../violation.ts'
import { wasBehind } from './backlog.ts'
import { ifJudged, type Judgement } from './judgement.ts'
import { judgeOutages } from './outages.ts'
import { wasServed } from './undisturbed.ts'

export interface Recovery {
  /** Interrupted tasks that could be judged. */
  readonly judged: number
  /**
   * Not judged: no server or no database was there in the time that counts, the hang was over before the lease, the
   * workers were so far behind that every task waited, or there was a suspect: that waits until a worker is free for it alone,
   * and others wait meanwhile.
   */
  readonly notJudged: number
  /** From the death of the worker, or from the return of what was away, to the next start; ms. */
  readonly p50Ms: number | null
  readonly p99Ms: number | null
  readonly maxMs: number | null
  /** Of the p99; nothing may take twice as long. */
  readonly limitMs: number
}

export interface Recoveries {
  readonly killed: Recovery
  readonly hung: Recovery
  readonly embedded: Recovery
  /** After the return of the database, by worker. */
  readonly outage: Recovery
  readonly late: readonly Violation[]
}

/** How soon tasks whose worker died or hung start again, where a server was there to see to it, and workers after an outage. */
export function recoveries(record: RunRecord): Recoveries {
  const { sessionGraceMs, leaseMs, recoveryMs, nodeGraceMs, outageMs } = record.run
  const limits = {
    killed: sessionGraceMs + recoveryMs,
    hung: leaseMs + recoveryMs,
    embedded: (nodeGraceMs ?? 0) + recoveryMs,
    outage: outageMs,
  }
  const killed = workerFaults(record, 'kill').flatMap((fault) => judgeFault(record, fault, limits.killed))
  const hung = workerFaults(record, 'stop').flatMap((fault) => judgeFault(record, fault, limits.hung))
  const embedded = judgeEmbedded(record, limits.embedded)
  const outage = judgeOutages(record, limits.outage)
  return {
    killed: summary(killed, limits.killed),
    hung: summary(hung, limits.hung),
    embedded: summary(embedded, limits.embedded),
    outage: summary(outage, limits.outage),
    late: [
      ...late(killed, limits.killed),
      ...late(hung, limits.hung),
      ...late(embedded, limits.embedded),
      ...late(outage, limits.outage),
    ],
  }
}

function workerFaults({ faults }: RunRecord, kind: FaultEvent['kind']): readonly FaultEvent[] {
  return faults.filter((fault) => fault.kind === kind && roleOf(fault.target) === 'worker')
}

function judgeFault(record: RunRecord, fault: FaultEvent, limitMs: number): readonly Judgement[] {
  const seen = wasServed(record, fault.at, fault.at + limitMs) && lastedLongEnough(record, fault, limitMs)
  const held = (record.leasesOf.get(fault.target) ?? []).filter((lease) => heldAt(record, lease, fault.at))
  return held.flatMap((lease): Judgement[] => {
    const task = record.tasks.get(lease.id) as TaskRecord
    if (task.final?.code === 'poisoned' && nextStart(task, lease) === null) return []
    if (settledLater(task, lease)) return []
    const words = `${fault.kind} of ${fault.target} (${fault.point})`
    const next = nextStart(task, lease)
    const judged = seen && !wasSuspect(task) && (next === null || !wasBehind(record, next.at))
    const time = next === null ? null : next.at - interruptedAt(record, fault, lease, next)
    return [{ id: lease.id, timeMs: ifJudged(time, limitMs, judged), fault: words }]
  })
}

/** Answered before the fault, not settled before it, and no newer lease was out. */
function heldAt({ tasks }: RunRecord, lease: Lease, at: number): boolean {
  const task = tasks.get(lease.id) as TaskRecord
  if (lease.at >= at) return false
  if (task.settles.some(({ token, sentAt, answer }) => token >= lease.token && sentAt < at && answer !== 'lost'))
    return false
  if (
    task.settles.some(
      ({ token, at: answeredAt, answer }) => token === lease.token && answeredAt < at && answer === 'lost',
    )
  )
    return false
  return !task.leases.some(({ token, at: otherAt }) => token > lease.token && otherAt < at)
}

/** Which of its crashes made it one is not told: all its starts may have waited. */
function wasSuspect({ final }: TaskRecord): boolean {
  return final !== null && final.crashes >= SUSPECT_CRASHES
}

/** What a worker sent before it died may arrive after it; one that is continued may still be in time. */
function settledLater(task: TaskRecord, { token }: Lease): boolean {
  const answers = task.settles.filter((settle) => settle.token === token).map(({ answer }) => answer)
  const goesOn = task.leases.some((lease) => lease.token > token)
  return answers.includes('ok') || (answers.includes('unknown') && !goesOn)
}

interface Start {
  readonly at: number
  readonly token: number
}

/** When the task started again, or was at least given out again, to a worker that died as well. */
function nextStart(task: TaskRecord, lease: Lease): Start | null {
  const start = task.starts.find(({ token }) => token > lease.token)
  const claim = task.leases.find(({ token }) => token > lease.token)
  return (start !== undefined && claim !== undefined && start.token > claim.token ? claim : (start ?? claim)) ?? null
}

/**
 * When the time began that the next start took: at the fault. But a token between the two was in an answer that nobody
 * got, so that the lease ended a second time, by the last fault that can have broken the answer off.
 */
function interruptedAt({ faults }: RunRecord, fault: FaultEvent, lease: Lease, next: Start): number {
  if (next.token === lease.token + 1) return fault.at
  const breaks = faults.filter(({ kind, at }) => (kind === 'kill' || kind === 'cut') && at >= fault.at && at < next.at)
  return breaks.at(-1)?.at ?? fault.at
}

/** A hang that is over before the lease is none. */
function lastedLongEnough({ faults }: RunRecord, { kind, target, at }: FaultEvent, limitMs: number): boolean {
  if (kind !== 'stop') return true
  const goesOn = faults.find((fault) => fault.target === target && fault.at > at && fault.kind !== 'cut')
  return goesOn === undefined || goesOn.at - at >= limitMs
}

/**
 * Attempts of the embedded worker that its server's death cut short, judged from the server's return; where servers share
 * the store, from its death.
 */
function judgeEmbedded(record: RunRecord, limitMs: number): readonly Judgement[] {
  const { run, tasks, server, faults } = record
  const kills = faults.filter(({ kind, target }) => kind === 'kill' && roleOf(target) === 'server')
  const suspectRuns = [...tasks.values()].flatMap(({ embeddedRuns }) => embeddedRuns.filter(isSuspects))
  return [...tasks.values()].flatMap(({ id, embeddedRuns, final }) =>
    embeddedRuns.flatMap((attempt, index): Judgement[] => {
      const next = embeddedRuns[index + 1]
      const kill = kills.find(
        ({ target, at }) =>
          target === attempt.server && at > attempt.startedAt && at < (next?.startedAt ?? Number.POSITIVE_INFINITY),
      )
      if (kill === undefined || (attempt.endedAt !== null && attempt.endedAt <= kill.at)) return []
      if (next === undefined && final?.status === 'failed') return []
      const up = server.find((event) => event.server === kill.target && event.state === 'up' && event.at > kill.at)
      const since = run.nodeGraceMs === null ? up?.at : kill.at
      const words = `kill of ${kill.target} (${kill.point})`
      const time = next === undefined || since === undefined ? null : Math.max(0, next.startedAt - since)
      // Its worker, which runs a suspect with nothing beside it, takes no other task meanwhile.
      const isHeldUp = since !== undefined && suspectRuns.some((run) => overlaps(run, since, since + limitMs))
      const seen = since !== undefined && !isHeldUp && wasServed(record, since, since + limitMs)
      return [{ id, timeMs: ifJudged(time, limitMs, seen), fault: words }]
    }),
  )
}

/** Longer than any task of the load takes: when an attempt that was cut short ended is not told. */
const LONGEST_HANDLER_MS = 10_000

type EmbeddedRun = TaskRecord['embeddedRuns'][number]

/** Whether its task had crashed often enough before. */
function isSuspects(_run: EmbeddedRun, index: number, runs: readonly EmbeddedRun[]): boolean {
  return runs.slice(0, index).filter(({ end }) => end === 'lease-expired').length >= SUSPECT_CRASHES
}

function overlaps({ startedAt, endedAt }: EmbeddedRun, from: number, to: number): boolean {
  return startedAt < to && (endedAt ?? startedAt + LONGEST_HANDLER_MS) > from
}

function summary(judgements: readonly Judgement[], limitMs: number): Recovery {
  const judged = judgements.filter(({ timeMs }) => timeMs !== 'not judged').length
  return {
    judged,
    notJudged: judgements.length - judged,
    p50Ms: rounded(quantile(judgements, 0.5)),
    p99Ms: rounded(quantile(judgements, 0.99)),
    maxMs: rounded(quantile(judgements, 1)),
    limitMs,
  }
}

/** The least time within which this share of those that happened did; `null`: none has. */
function quantile(judgements: readonly Judgement[], share: number): number | null {
  const times = judgements.map(({ timeMs }) => timeMs).filter((time) => typeof time === 'number')
  times.sort((a, b) => a - b)
  return times[Math.ceil(times.length * share) - 1] ?? null
}

function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms)
}

/** One in a hundred may take up to twice as long: of many starts on a busy machine some are unlucky. */
function late(judgements: readonly Judgement[], limitMs: number): readonly Violation[] {
  const p99Ms = quantile(judgements, 0.99)
  const mostMs = p99Ms !== null && p99Ms <= limitMs ? 2 * limitMs : limitMs
  return judgements.flatMap(({ id, timeMs, fault }) => {
    if (timeMs === null) return [{ subject: id, what: `never started again after the ${fault}` }]
    if (timeMs === 'not judged' || timeMs <= mostMs) return []
    return [
      { subject: id, what: `started again ${Math.round(timeMs)} ms after the ${fault}; the limit is ${mostMs} ms` },
    ]
  })
}
