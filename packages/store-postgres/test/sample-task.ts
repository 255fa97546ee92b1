import type { JsonText, NewTask } from '@taskyard/core'

/** As the engine fills one in; `id` is to be given. */
export const TASK: NewTask = {
  id: '',
  namespace: 'default',
  queue: 'default',
  type: 'test',
  payload: '{}' as JsonText,
  priority: 0,
  runAt: null,
  delayMs: 0,
  maxAttempts: 10,
  backoff: { kind: 'exponential', baseSeconds: 1, factor: 2, maxSeconds: 3600 },
  timeoutSeconds: null,
  tags: [],
  idempotency: null,
}
