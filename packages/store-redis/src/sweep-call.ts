import { type EndedLease, type SweepParams, type SweepReport, spreadJitter } from '@taskyard/core'
import type { CallContext } from './call-context.ts'
import { endedLeases } from './lease-calls.ts'
import { SCRIPTS } from './scripts.ts'
import { laneTable } from './task-records.ts'

/**
 * Due and old tasks in one run of the script: it holds up all other calls, which go in between the runs. Leases end together:
 * whether one was its worker's only one must not depend on where a run stopped.
 */
const STEP = 50
/** A sweep ends after so many, as some do nothing but drop what is no longer true from a list. */
const MOST_STEPS = 40

/** The port's `sweep`. */
export async function sweep(context: CallContext, params: SweepParams): Promise<SweepReport> {
  const ended: EndedLease[] = []
  let [promoted, removed] = [0, 0]
  let nextAt: number | null = null
  for (let steps = 1; ; steps++) {
    const jitter = spreadJitter(params.jitter, ended.length)
    const limits = {
      step: Math.min(STEP, params.limit - Math.max(promoted, removed)),
      ended: params.limit - ended.length,
    }
    const step = await sweepStep(context, { ...params, jitter }, limits).catch((error) => {
      // What was done is told; the next sweep meets the trouble again.
      if (promoted + removed + ended.length === 0) throw error
      return null
    })
    if (step === null) return { ended, promoted, removed, nextAt }
    nextAt = step.nextAt
    ended.push(...step.ended)
    promoted += step.promoted
    removed += step.removed
    const isDone = !step.isBehind || steps === MOST_STEPS || Math.max(promoted, removed, ended.length) >= params.limit
    if (isDone) return { ended, promoted, removed, nextAt }
  }
}

async function sweepStep(
  context: CallContext,
  { cancelGraceMs, jitter, retention }: SweepParams,
  limits: { readonly step: number; readonly ended: number },
): Promise<SweepReport & { readonly isBehind: boolean }> {
  const { succeededSeconds, failedSeconds, finishedBytes } = retention
  const bounds = [succeededSeconds * 1000, failedSeconds * 1000, finishedBytes]
  const args = [context.now(), cancelGraceMs, limits.step, jitter, ...bounds, limits.ended]
  const reply = await context.run(SCRIPTS.sweep, args)
  const [, readyLanes, lanes, promoted, removed, nextAt, isBehind, ...ended] = reply as readonly string[]
  context.publishReady(readyLanes as string)
  return {
    ended: endedLeases(ended, laneTable(lanes as string)),
    promoted: Number(promoted),
    removed: Number(removed),
    nextAt: nextAt === '' ? null : Number(nextAt),
    isBehind: isBehind === '1',
  }
}
