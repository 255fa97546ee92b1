import { FILTER_RULES, faultOfTag, isIdempotencyKey, isName } from '@taskyard/core'

/** A request with one text of the caller's in it, everything else being as it should. */
export interface TextField {
  /** As the contract names it: the operation, and where in the request the text is. */
  readonly name: string
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  url(text: string): string
  body?(text: string): unknown
  headers?(text: string): Record<string, string>
  /** Whether the text is taken. `null`: it is, whatever it is. */
  readonly takes: ((text: string) => boolean) | null
  /** Where a refusal says that the fault is. `null`: it need not say. */
  readonly path: string | null
}

export const NOBODY = '01900000-0000-7000-8000-000000000000'
const lease = { taskId: NOBODY, token: 1 }
const claim = { workerId: 'w', queues: ['nowhere'], limit: 1 }
const task = { type: 't', payload: 1 }
const never = () => false
const isErrorCode = (text: string) => FILTER_RULES.errorCode(text) === null
/** `*` is every queue. */
const isQueueToClaim = (text: string) => text === '*' || isName(text)
/** One that is refused in any case: it would not end. */
const SESSION = '/api/v1/workers/w/session?concurrency=0'

type Body = (text: string) => unknown

function inBody(operation: string, url: string, path: string, takes: TextField['takes'], body: Body): TextField {
  return { name: `${operation} ${path}`, method: 'POST', url: () => url, body, takes, path }
}

function inQuery(
  operation: string,
  url: string,
  name: string,
  takes: TextField['takes'],
  path = `/${name}`,
): TextField {
  const withText = (text: string) => `${url}${url.includes('?') ? '&' : '?'}${name}=${encodeURIComponent(text)}`
  return { name: `${operation} ?${name}`, method: 'GET', url: withText, takes, path }
}

function inPath(operation: string, method: TextField['method'], url: string, name: string, takes: TextField['takes']) {
  const withText = (text: string) => url.replace(`{${name}}`, encodeURIComponent(text))
  return { name: `${operation} {${name}}`, method, url: withText, takes, path: `/${name}` } satisfies TextField
}

function submissions(
  operation: string,
  url: string,
  at: string,
  wrap: (task: object) => unknown,
): readonly TextField[] {
  const field = (name: string, takes: TextField['takes'], own: (text: string) => object, path = `/${name}`) =>
    inBody(operation, url, at + path, takes, (text) => wrap({ ...task, ...own(text) }))
  return [
    field('type', isName, (type) => ({ type })),
    inBody(operation, url, `${at}/task_type`, isName, (text) => wrap({ payload: 1, task_type: text })),
    field('queue', isName, (queue) => ({ queue })),
    field(
      'tags',
      (tag) => faultOfTag(tag) === null,
      (tag) => ({ tags: ['first', tag] }),
      '/tags/1',
    ),
    field('runAt', never, (runAt) => ({ runAt })),
  ]
}

function filters(operation: string, url: string): readonly TextField[] {
  const field = (name: string, takes: TextField['takes']) =>
    inBody(operation, url, `/${name}`, takes, (text) => ({ [name]: text }))
  return [
    field('type', isName),
    field('queue', isName),
    field('tag', (tag) => faultOfTag(tag) === null),
    field('errorCode', isErrorCode),
    field('createdAfter', never),
    field('createdBefore', never),
    { ...inBody(operation, url, '/cursor', never, (cursor) => ({ queue: 'nowhere', cursor })), path: null },
  ]
}

function claims(operation: string, url: string, at: string, wrap: (claim: object) => unknown): readonly TextField[] {
  const field = (path: string, own: (text: string) => object, takes: (text: string) => boolean = isName) =>
    inBody(operation, url, at + path, takes, (text) => wrap({ ...claim, ...own(text) }))
  return [
    field('/workerId', (workerId) => ({ workerId })),
    field('/requestId', (requestId) => ({ requestId })),
    field('/queues/0', (queue) => ({ queues: [queue] }), isQueueToClaim),
    field('/types/0', (type) => ({ types: [type] })),
  ]
}

const isShort = (text: string) => text.length > 0 && [...text].length <= 128
const bulk = '/api/v1/tasks'
const leases = '/api/v1/leases'
const settled = (outcome: object) => ({ outcomes: [{ ...lease, outcome: 'failed', ...outcome }] })

/** Every text that a request can hold, but for the values of JSON, which are anything. */
export const TEXT_FIELDS: readonly TextField[] = [
  ...submissions('submitTask', bulk, '', (one) => one),
  {
    name: 'submitTask Idempotency-Key',
    method: 'POST',
    url: () => bulk,
    // The fingerprint differs each time, so that a key that was seen before is no other's.
    body: () => task,
    headers: (text) => ({ 'idempotency-key': text }),
    takes: isIdempotencyKey,
    path: '/idempotencyKey',
  },
  {
    name: 'listTasks Taskyard-Namespace',
    method: 'GET',
    url: () => bulk,
    headers: (text) => ({ 'taskyard-namespace': text }),
    takes: isName,
    path: '',
  },
  ...submissions('submitTasks', `${bulk}/batch`, '/tasks/0', (one) => ({ tasks: [one] })),
  inBody('submitTasks', `${bulk}/batch`, '/tasks/0/idempotencyKey', isIdempotencyKey, (text) => ({
    tasks: [{ ...task, idempotencyKey: text }],
  })),
  ...submissions('classicCreateTask', '/tasks', '', (one) => one),
  ...filters('cancelTasks', `${bulk}/cancel`),
  ...filters('retryTasks', `${bulk}/retry`),
  ...filters('deleteTasks', `${bulk}/delete`),
  inQuery('listTasks', bulk, 'type', isName),
  inQuery('listTasks', bulk, 'queue', isName),
  inQuery('listTasks', bulk, 'tag', (tag) => faultOfTag(tag) === null),
  inQuery('listTasks', bulk, 'errorCode', isErrorCode),
  inQuery('listTasks', bulk, 'createdAfter', never),
  inQuery('listTasks', bulk, 'createdBefore', never),
  { ...inQuery('listTasks', bulk, 'cursor', never), path: null },
  inQuery('listWorkers', '/api/v1/workers', 'cursor', isName),
  ...claims('claimTasks', leases, '', (one) => one),
  ...claims('settle', `${leases}/settle`, '/claim', (one) => ({
    outcomes: [{ ...lease, outcome: 'released' }],
    claim: one,
  })),
  inBody('heartbeat', `${leases}/heartbeat`, '/leases/0/taskId', isShort, (taskId) => ({
    leases: [{ ...lease, taskId }],
  })),
  inBody('record', `${leases}/record`, '/entries/0/taskId', isShort, (taskId) => ({ entries: [{ ...lease, taskId }] })),
  inBody('record', `${leases}/record`, '/entries/0/log', null, (log) => ({ entries: [{ ...lease, log }] })),
  inBody('settle', `${leases}/settle`, '/outcomes/0/taskId', isShort, (taskId) => settled({ taskId })),
  inBody('settle', `${leases}/settle`, '/outcomes/0/error/code', null, (code) =>
    settled({ error: { code, message: '' } }),
  ),
  inBody('settle', `${leases}/settle`, '/outcomes/0/error/message', null, (message) =>
    settled({ error: { code: 'c', message } }),
  ),
  inBody('settle', `${leases}/settle`, '/outcomes/0/error/stack', null, (stack) =>
    settled({ error: { code: 'c', message: '', stack } }),
  ),
  inPath('getQueue', 'GET', '/api/v1/queues/{queue}', 'queue', isName),
  inPath('pauseQueue', 'POST', '/api/v1/queues/{queue}/pause', 'queue', isName),
  { ...inPath('declareType', 'PUT', '/api/v1/types/{type}', 'type', isName), body: () => ({ maxAttempts: 1 }) },
  inBody('declareTypes', '/api/v1/types', '/types/0/type', isName, (type) => ({ types: [{ type, maxAttempts: 1 }] })),
  inPath('deleteType', 'DELETE', '/api/v1/types/{type}', 'type', isName),
  inPath('resumeQueue', 'POST', '/api/v1/queues/{queue}/resume', 'queue', isName),
  {
    ...inPath('openWorkerSession', 'GET', '/api/v1/workers/{workerId}/session?concurrency=0', 'workerId', never),
    path: null,
  },
  { ...inQuery('openWorkerSession', SESSION, 'queues', never), path: null },
  { ...inQuery('openWorkerSession', SESSION, 'types', never), path: null },
  { ...inQuery('openWorkerSession', SESSION, 'startId', never), path: null },
  inPath('getTask', 'GET', '/api/v1/tasks/{id}', 'id', never),
  inPath('deleteTask', 'DELETE', '/api/v1/tasks/{id}', 'id', never),
  inPath('cancelTask', 'POST', '/api/v1/tasks/{id}/cancel', 'id', never),
  inPath('retryTask', 'POST', '/api/v1/tasks/{id}/retry', 'id', never),
  inPath('whyTaskWaits', 'GET', '/api/v1/tasks/{id}/waiting', 'id', never),
  inPath('getTaskEvents', 'GET', '/api/v1/tasks/{id}/events', 'id', never),
  {
    name: 'getTaskEvents Last-Event-ID',
    method: 'GET',
    url: () => `/api/v1/tasks/${NOBODY}/events`,
    headers: (text) => ({ accept: 'text/event-stream', 'last-event-id': text }),
    takes: never,
    path: null,
  },
  inPath('classicGetTask', 'GET', '/tasks/{id}', 'id', never),
  inPath('classicCancelTask', 'POST', '/tasks/{id}/cancel', 'id', never),
  inPath('classicRetryTask', 'POST', '/tasks/{id}/retry', 'id', never),
]
