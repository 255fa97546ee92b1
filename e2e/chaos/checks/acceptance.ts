import type { SettleEvent } from '../history.ts'
import type { RunRecord, TaskRecord } from '../run-record.ts'
import type { Violation } from '../violation.ts'

/** Tasks with a success accepted under more than one token, by the answers or by what the task ended with. */
export function acceptedTwice({ tasks }: RunRecord): readonly Violation[] {
  return [...tasks.values()].flatMap((task) => {
    const tokens = new Set(acceptedSuccesses(task).map(({ token }) => token))
    if (task.final?.status === 'succeeded' && task.final.resultToken !== null) tokens.add(task.final.resultToken)
    return tokens.size > 1
      ? [{ subject: task.id, what: `success accepted under tokens ${[...tokens].join(', ')}` }]
      : []
  })
}

/** Successes that the server accepted and then did not keep: the end or the result is another one. */
export function acceptedNotKept({ tasks }: RunRecord): readonly Violation[] {
  return [...tasks.values()].flatMap((task) => {
    const { final } = task
    if (final === null) return []
    const notKept = acceptedSuccesses(task).find(
      ({ token }) => final.status !== 'succeeded' || (final.resultToken !== null && final.resultToken !== token),
    )
    if (notKept === undefined) return []
    const what = `success of token ${notKept.token} was accepted; at the end: ${final.status}, token ${final.resultToken}`
    return [{ subject: task.id, what }]
  })
}

/**
 * Writes accepted under a token when a higher one was already out. A repeated failure or release answers `ok` again, as
 * the protocol says, so those are judged by the first time they were sent; a success is judged by its answer.
 */
export function staleAccepted({ tasks }: RunRecord): readonly Violation[] {
  return [...tasks.values()].flatMap((task) => {
    const settled = task.settles.map((settle) => ({
      ...settle,
      since: settle.outcome === 'succeeded' ? settle.at : firstSentAt(task, settle),
    }))
    const recorded = task.records.map((record) => ({ ...record, outcome: 'a record', since: record.sentAt }))
    return [...settled, ...recorded].flatMap(({ answer, token, outcome, since }) => {
      const newer = task.leases.find((lease) => lease.token > token && lease.at < since)
      if (answer !== 'ok' || newer === undefined) return []
      return [{ subject: task.id, what: `${outcome} of token ${token} accepted when token ${newer.token} was out` }]
    })
  })
}

/** Tasks that were given out again after their success had been accepted. */
export function restartedAfterEnd({ tasks }: RunRecord): readonly Violation[] {
  return [...tasks.values()].flatMap((task) =>
    acceptedSuccesses(task).flatMap(({ token, at }) => {
      const later = task.leases.find((lease) => lease.token > token && lease.at >= at)
      if (later === undefined) return []
      return [{ subject: task.id, what: `token ${later.token} given out after the success of token ${token}` }]
    }),
  )
}

function acceptedSuccesses({ settles }: TaskRecord): readonly SettleEvent[] {
  return settles.filter(({ outcome, answer }) => outcome === 'succeeded' && answer === 'ok')
}

function firstSentAt({ settles }: TaskRecord, { token, outcome }: SettleEvent): number {
  return Math.min(
    ...settles.filter((other) => other.token === token && other.outcome === outcome).map(({ sentAt }) => sentAt),
  )
}
