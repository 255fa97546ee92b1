import {
  counted,
  DEFAULTS,
  type Finding,
  finding,
  grouped,
  type StuckQueues,
  type WaitingCode,
  type WaitingReason,
} from '@taskyard/core'
import type { AnsweringServer, Examined } from './examined.ts'

/** So many paused queues, one in each finding, and the rest in one. */
const MOST_QUEUES = 10
/** So many queues and types in the words of a finding. */
const MOST_NAMED = 10
/** Those that have findings here; a server of a later version may know others. */
const TOLD: ReadonlySet<string> = new Set<WaitingCode>(['queue_paused', 'no_worker', 'other_queues'])

/** A queue and a type, with one of the reasons why nothing starts its tasks. */
interface Stuck {
  readonly queue: string
  readonly type: string
  readonly reason: WaitingReason
}

/** Whether tasks are ready that nothing starts as things are: their queue is paused, or no known worker takes them. */
export async function checkWaiting({ server, namespace }: Examined): Promise<readonly Finding[]> {
  if (!server?.isTaskyard || server.stuck === null) return []
  const { stuck, total, complete } = server.stuck
  if (total === 0) return [finding.ok('waiting', nothing(namespace, complete))]
  const of = (code: WaitingCode) => stuck.flatMap((each) => withReason(each, code))
  const [paused, notTaken, elsewhere] = [of('queue_paused'), of('no_worker'), of('other_queues')]
  const findings = [
    ...pausedFindings(paused, server, namespace),
    ...noWorkerFinding(notTaken),
    ...otherQueuesFinding(elsewhere),
  ]
  const more = total - stuck.filter(({ reasons }) => reasons.some(({ code }) => TOLD.has(code))).length
  return more === 0 ? findings : [...findings, moreFinding(more, namespace)]
}

function withReason({ queue, type, reasons }: StuckQueues['stuck'][number], code: WaitingCode): readonly Stuck[] {
  return reasons.filter((reason) => reason.code === code).map((reason) => ({ queue, type, reason }))
}

function nothing(namespace: string, complete: boolean): string {
  const what = `no task of namespace ${namespace} waits for what does not come`
  return complete ? what : `${what}, as far as was looked: there are very many queues and types, or workers`
}

/** One for each queue. */
function pausedFindings(stuck: readonly Stuck[], { queues }: AnsweringServer, namespace: string): readonly Finding[] {
  const paused = [...new Set(stuck.map(({ queue }) => queue))]
  const whose = namespace === DEFAULTS.namespace ? '' : ` --namespace ${namespace}`
  const each = paused.slice(0, MOST_QUEUES).map((queue) => {
    const ready = queues.find((each) => each.queue === queue)?.counts.queued ?? 0
    const detail = `queue ${queue} is paused with ${counted(ready, 'ready task')}`
    return finding.warning('waiting', detail, `Resume it: taskyard queues resume ${queue}${whose}`)
  })
  const more = paused.length - each.length
  if (more === 0) return each
  const detail = `and ${counted(more, 'more queue')} with ready tasks ${more === 1 ? 'is' : 'are'} paused`
  return [...each, finding.warning('waiting', detail, `See them: taskyard queues${whose}`)]
}

function noWorkerFinding(stuck: readonly Stuck[]): readonly Finding[] {
  const [first] = stuck
  if (first === undefined) return []
  const detail = named('no known worker takes', stuck, ({ type, queue, reason }) => {
    const meant = reason.meantType ? ` (did you mean ${reason.meantType}?)` : ''
    return `${type}${meant} from queue ${queue}`
  })
  const { knownTypes = [], knownTypesTotal = knownTypes.length } = first.reason
  const others =
    knownTypes.length === 0 ? 'No worker is known' : `Known workers take ${listed(knownTypes, knownTypesTotal)}`
  const advice =
    stuck.length === 1
      ? 'Start a worker that handles it, or correct the type and cancel these.'
      : 'Start workers that handle them, or correct the types and cancel these.'
  return [finding.warning('waiting', detail, `${advice} ${others}.`)]
}

function otherQueuesFinding(stuck: readonly Stuck[]): readonly Finding[] {
  if (stuck.length === 0) return []
  const detail = named('no known worker takes', stuck, ({ type, queue, reason }) => {
    const { takenFrom = [], takenFromTotal } = reason
    return `${type} from queue ${queue}, but from ${listed(takenFrom, takenFromTotal)}`
  })
  const queues = [...new Set(stuck.map(({ queue }) => queue))]
  const which = queues.length <= MOST_NAMED ? queues.join(',') : "'*'"
  return [finding.warning('waiting', detail, `Start one for these queues, too: taskyard work FILE --queues ${which}`)]
}

function named(what: string, stuck: readonly Stuck[], text: (stuck: Stuck) => string): string {
  const types = stuck.length === 1 ? 'type' : 'types'
  const texts = stuck.slice(0, MOST_NAMED).map(text)
  return `${what} ${types} ${listed(texts, stuck.length, '; ')}`
}

/** Some of so many. */
function listed(some: readonly string[], total: number = some.length, separator = ', '): string {
  const more = total - some.length
  return more > 0 ? `${some.join(separator)} and ${grouped(more)} more` : some.join(separator)
}

function moreFinding(more: number, namespace: string): Finding {
  const detail = `and ${grouped(more)} more queues and types of namespace ${namespace}`
  return finding.warning('waiting', detail, 'The first 100, with their reasons: GET /api/v1/waiting')
}
