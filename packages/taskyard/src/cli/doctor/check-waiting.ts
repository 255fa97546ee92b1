import { DEFAULTS, type Finding, finding, type StuckLanes } from '@taskyard/core'
import type { AnsweringServer, Examined } from './examined.ts'

/** So many findings, and the rest in one. */
const MOST = 10

type Lane = StuckLanes['lanes'][number]

/** Whether tasks are ready that nothing starts as things are: their queue is paused, or no known worker takes them. */
export async function checkWaiting({ server, namespace }: Examined): Promise<readonly Finding[]> {
  if (!server?.isTaskyard || server.stuck === null) return []
  const { lanes, total, isComplete } = server.stuck
  if (total === 0) return [finding.ok('waiting', nothing(namespace, isComplete))]
  const findings = [...pausedFindings(lanes, server, namespace), ...laneFindings(lanes)]
  const shown = findings.slice(0, MOST)
  const more = findings.length - shown.length + total - lanes.length
  return more === 0 ? shown : [...shown, moreFinding(more, namespace)]
}

function nothing(namespace: string, isComplete: boolean): string {
  const what = `no task of namespace ${namespace} waits for what does not come`
  return isComplete ? what : `${what}, of the first 10,000 queues and types`
}

/** One for each queue. */
function pausedFindings(lanes: readonly Lane[], { queues }: AnsweringServer, namespace: string): readonly Finding[] {
  const paused = new Set(lanes.filter(({ reason }) => reason.code === 'queue_paused').map(({ queue }) => queue))
  const whose = namespace === DEFAULTS.namespace ? '' : ` --namespace ${namespace}`
  return [...paused].map((queue) => {
    const ready = queues.find((each) => each.queue === queue)?.counts.queued ?? 0
    const detail = `queue ${queue} is paused with ${ready.toLocaleString('en')} ready ${ready === 1 ? 'task' : 'tasks'}`
    return finding.warning('waiting', detail, `Resume it: taskyard queues resume ${queue}${whose}`)
  })
}

function laneFindings(lanes: readonly Lane[]): readonly Finding[] {
  return lanes.flatMap(({ queue, type, reason }) => {
    if (reason.code === 'queue_paused') return []
    return [
      finding.warning('waiting', `no known worker takes type ${type} from queue ${queue}`, adviceFor(reason, queue)),
    ]
  })
}

function adviceFor(reason: Lane['reason'], queue: string): string {
  if (reason.code === 'other_queues')
    return `Workers take it from ${reason.takenFrom.join(', ')}: start one for this queue, too: taskyard work FILE --queues ${queue}`
  const known = reason.code === 'no_worker' ? reason.knownTypes : []
  const others = known.length === 0 ? 'No worker is known' : `Known workers take ${known.join(', ')}`
  return `Start a worker that handles it, or correct the type and cancel these. ${others}.`
}

function moreFinding(more: number, namespace: string): Finding {
  const detail = `and ${more.toLocaleString('en')} more queues and types of namespace ${namespace}`
  return finding.warning('waiting', detail, 'All of them, up to 100, with their reasons: GET /api/v1/waiting')
}
