import { DEFAULT_BACKOFF, type NewTask, type Settlement } from '@taskyard/core'
import { createUuidV7Generator, systemClock } from '@taskyard/core/runtime'
import { payload200 } from './payload.ts'

const payload = JSON.stringify(payload200) as NewTask['payload']

/** Makes tasks for a store's port, with ids of the store's time. */
export function newTaskMaker(storeTime: () => number): (where: { queue: string; type: string }) => NewTask {
  const nextId = createUuidV7Generator({ ...systemClock, now: storeTime })
  return ({ queue, type }) => ({
    id: nextId(),
    namespace: 'default',
    queue,
    type,
    payload,
    priority: 0,
    runAt: null,
    delayMs: 0,
    maxAttempts: 1,
    backoff: DEFAULT_BACKOFF,
    timeoutSeconds: null,
    tags: [],
    idempotency: null,
  })
}

export function succeeded({ id, lease }: { id: string; lease: { token: number } }): Settlement {
  return { taskId: id, token: lease.token, outcome: 'succeeded', result: '{"ok":true}' as never }
}

export function failed({ id, lease }: { id: string; lease: { token: number } }): Settlement {
  const error = { code: 'refused', message: 'the other side refused' }
  return { taskId: id, token: lease.token, outcome: 'failed', error, retryable: false, retryDelayMs: null, jitter: 0 }
}
