import { fitsBytes, type LeasedTask, type NewsPort, type TaskStatus } from '@taskyard/core'

/** Tags that are longer together are not told. Bytes. */
const TAGS_BYTES = 1000

/** Of which task there is news; `tags`: `null` where they are not at hand. */
export interface TaskOfNews {
  readonly namespace: string
  readonly queue: string
  readonly type: string
  readonly tags: readonly string[] | null
}

/** Tells what becomes of tasks. Where nobody listens, all of it is one question per change. */
export interface TaskNews {
  statusChanged(status: TaskStatus, taskId: string, task: TaskOfNews): void
  started(tasks: readonly LeasedTask[]): void
  recorded(namespace: string, taskId: string): void
}

/** Publishes to `news` only what somebody listens for. */
export function createTaskNews(news: NewsPort): TaskNews {
  function statusChanged(status: TaskStatus, taskId: string, { namespace, queue, type, tags }: TaskOfNews): void {
    if (!news.isHeard(status)) return
    news.publish({ kind: 'changed', taskId, namespace, queue, type, status, tags: bounded(tags) })
  }

  return {
    statusChanged,
    started(tasks) {
      if (!news.isHeard('running')) return
      for (const task of tasks) if (!task.lease.again) statusChanged('running', task.id, task)
    },
    recorded(namespace, taskId) {
      if (news.isHeard('running')) news.publish({ kind: 'recorded', namespace, taskId })
    },
  }
}

function bounded(tags: readonly string[] | null): readonly string[] | null {
  return tags === null || fitsBytes(tags.join(), TAGS_BYTES) ? tags : null
}
