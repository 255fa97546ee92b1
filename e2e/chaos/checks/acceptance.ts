import type { Violation } from '../checker.ts'
import type { SettleEvent } from '../history.ts'
import type { Story, TaskStory } from '../story.ts'

/** Tasks with a success accepted under more than one token, by the answers or by what the task ended with. */
export function acceptedTwice({ tasks }: Story): readonly Violation[] {
  return [...tasks.values()].flatMap((task) => {
    const tokens = new Set(acceptedSuccesses(task).map(({ token }) => token))
    if (task.final?.status === 'succeeded' && task.final.resultToken !== null) tokens.add(task.final.resultToken)
    return tokens.size > 1
      ? [{ subject: task.id, what: `success accepted under tokens ${[...tokens].join(', ')}` }]
      : []
  })
}

/** Successes that the server accepted and then did not keep: the end or the result is another one. */
export function acceptedNotKept({ tasks }: Story): readonly Violation[] {
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
 * Writes accepted under a token when a higher one was already out. A success ends a task for good, so any higher token
 * beside an accepted success is wrong, whichever came first. A repeated failure or release answers `ok` again, as the
 * protocol says, so those are judged by the first time they were sent.
 */
export function staleAccepted({ tasks }: Story): readonly Violation[] {
  return [...tasks.values()].flatMap((task) => {
    const found: Violation[] = []
    for (const settle of task.settles.filter(({ answer }) => answer === 'ok')) {
      const since = settle.outcome === 'succeeded' ? Number.POSITIVE_INFINITY : firstSentAt(task, settle)
      const newer = newerLease(task, settle.token, since)
      if (newer === undefined) continue
      found.push({
        subject: task.id,
        what: `${settle.outcome} of token ${settle.token} accepted beside token ${newer}`,
      })
    }
    for (const { token, sentAt } of task.records.filter(({ answer }) => answer === 'ok')) {
      const newer = newerLease(task, token, sentAt)
      if (newer === undefined) continue
      found.push({ subject: task.id, what: `a record of token ${token} accepted after token ${newer} was out` })
    }
    return found
  })
}

function acceptedSuccesses({ settles }: TaskStory): readonly SettleEvent[] {
  return settles.filter(({ outcome, answer }) => outcome === 'succeeded' && answer === 'ok')
}

function firstSentAt({ settles }: TaskStory, { token, outcome }: SettleEvent): number {
  return Math.min(
    ...settles.filter((other) => other.token === token && other.outcome === outcome).map(({ sentAt }) => sentAt),
  )
}

/** The token of a higher lease that was out before `before`. */
function newerLease({ leases }: TaskStory, token: number, before: number): number | undefined {
  return leases.find((lease) => lease.token > token && lease.at < before)?.token
}
