import { counted, type Finding, finding } from '@taskyard/core'
import type { Examined } from './examined.ts'

const advice = (queue: string, namespace: string) =>
  `Run more workers, cancel what is not wanted (taskyard cancel --queue ${queue} --namespace ${namespace}), or raise TASKYARD_QUEUE_DEPTH and restart the server. See the page "Full queues and poisoned tasks".`

/** Whether a queue of the running server refuses submissions, because it holds all that this configuration lets it hold. */
export async function checkQueues({
  configuration: { queueDepth },
  namespace,
  server,
}: Examined): Promise<readonly Finding[]> {
  if (!server?.isTaskyard) return []
  const full = server.queues.filter(({ counts }) => counts.queued + counts.scheduled + counts.blocked >= queueDepth)
  if (full.length === 0) return [finding.ok('queues', `none of namespace ${namespace} is at its limit`)]
  const limit = counted(queueDepth, 'waiting task')
  return full.map(({ queue }) =>
    finding.warning(
      'queues',
      `${queue} of namespace ${namespace} is at its limit of ${limit} and takes no more`,
      advice(queue, namespace),
    ),
  )
}
