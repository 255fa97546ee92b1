export interface MalformedRequest {
  readonly name: string
  readonly method?: string
  readonly url: string
  readonly body?: string | Buffer
  readonly type?: string
  readonly headers?: Record<string, string>
  readonly status: number
  readonly path?: string
}

const MiB = 1_048_576
const json = JSON.stringify
const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
const submit = (body: string | Buffer, status: number, name: string, path?: string): MalformedRequest => ({
  name,
  url: '/api/v1/tasks',
  body,
  status,
  ...(path === undefined ? {} : { path }),
})

const NOT_JSON = [
  ['not JSON at all', 'hello'],
  ['a lone brace', '{'],
  ['an unclosed string', '{"type":"t'],
  ['a trailing comma', '{"type":"t","payload":1,}'],
  ['single quotes', "{'type':'t'}"],
  ['a comment', '{"type":"t"/* */}'],
  ['NaN', '{"type":"t","payload":NaN}'],
  ['a leading zero', '{"type":"t","payload":01}'],
  ['a raw line break in a string', '{"type":"t","payload":"a\nb"}'],
  ['a raw NUL in a string', '{"type":"t","payload":"\u0000"}'],
  ['a bad escape', '{"type":"t","payload":"\\x"}'],
  ['text after the value', '{"type":"t","payload":1} x'],
  ['two values', '{}{}'],
  ['a byte order mark', '\ufeff{"type":"t","payload":1}'],
  ['hexadecimal', '{"type":"t","payload":0x10}'],
  ['only white space', '   '],
  ['half a million open brackets', '['.repeat(500_000)],
] as const

const NOT_AN_OBJECT = ['[]', '1', '"x"', 'null', 'true', '[{"type":"t","payload":1}]']

const WRONG_FIELDS: readonly (readonly [name: string, fields: object, path: string])[] = [
  ['an unknown field', { frob: 1 }, '/frob'],
  ['an unknown field with a slash', { 'a/b~c': 1 }, '/a~1b~0c'],
  ['__defineGetter__ as a field', { __defineGetter__: 1 }, '/__defineGetter__'],
  ['a type that is a number', { type: 5 }, '/type'],
  ['a type that is null', { type: null }, '/type'],
  ['an empty type', { type: '' }, '/type'],
  ['a type with a space', { type: 'a b' }, '/type'],
  ['a type with a quote', { type: 'a"b' }, '/type'],
  ['a type with a line break', { type: 'a\nb' }, '/type'],
  ['a type that is too long', { type: 'a'.repeat(129) }, '/type'],
  ['a queue with a slash', { queue: 'a/b' }, '/queue'],
  ['a queue that is an object', { queue: {} }, '/queue'],
  ['a priority that is text', { priority: '5' }, '/priority'],
  ['a priority that is not whole', { priority: 1.5 }, '/priority'],
  ['a priority over the bound', { priority: 1001 }, '/priority'],
  ['a priority under the bound', { priority: -1001 }, '/priority'],
  ['a delay below zero', { delaySeconds: -1 }, '/delaySeconds'],
  ['a delay that is text', { delaySeconds: '1' }, '/delaySeconds'],
  ['a delay of a thousand years', { delaySeconds: 31_536_000_000 }, '/delaySeconds'],
  ['no attempts', { maxAttempts: 0 }, '/maxAttempts'],
  ['too many attempts', { maxAttempts: 1001 }, '/maxAttempts'],
  ['attempts that are true', { maxAttempts: true }, '/maxAttempts'],
  ['a timeout of zero', { timeoutSeconds: 0 }, '/timeoutSeconds'],
  ['a timeout below zero', { timeoutSeconds: -5 }, '/timeoutSeconds'],
  ['a timeout that is text', { timeoutSeconds: 'never' }, '/timeoutSeconds'],
  ['a runAt that is a number', { runAt: 1_700_000_000 }, '/runAt'],
  ['a runAt that is no time', { runAt: 'tomorrow' }, '/runAt'],
  ['a runAt without zone', { runAt: '2030-01-01T00:00:00' }, '/runAt'],
  ['a runAt on the 30th of February', { runAt: '2030-02-30T00:00:00Z' }, '/runAt'],
  ['a runAt at hour 24', { runAt: '2030-01-01T24:00:00Z' }, '/runAt'],
  ['runAt together with delaySeconds', { runAt: '2030-01-01T00:00:00Z', delaySeconds: 1 }, '/runAt'],
  ['tags that are text', { tags: 'a' }, '/tags'],
  ['a tag that is a number', { tags: ['a', 1] }, '/tags/1'],
  ['an empty tag', { tags: [''] }, '/tags/0'],
  ['a tag that is too long', { tags: ['a'.repeat(129)] }, '/tags/0'],
  ['too many tags', { tags: Array.from({ length: 21 }, (_, n) => `t${n}`) }, '/tags'],
  ['a backoff that is text', { backoff: 'fixed' }, '/backoff'],
  ['an unknown kind of backoff', { backoff: { kind: 'random' } }, '/backoff/kind'],
  ['an unknown field of backoff', { backoff: { base: 1 } }, '/backoff/base'],
  ['a backoff base below zero', { backoff: { baseSeconds: -1 } }, '/backoff/baseSeconds'],
]

const claim = { workerId: 'w', queues: ['default'], limit: 1 }
const lease = { taskId: '01900000-0000-7000-8000-000000000000', token: 1 }

const WRONG_BODIES: readonly (readonly [name: string, url: string, body: unknown, path?: string])[] = [
  ['a batch without tasks', '/api/v1/tasks/batch', {}, '/tasks'],
  ['an empty batch', '/api/v1/tasks/batch', { tasks: [] }, '/tasks'],
  ['a batch that is an object', '/api/v1/tasks/batch', { tasks: {} }, '/tasks'],
  ['a batch of numbers', '/api/v1/tasks/batch', { tasks: [1] }, '/tasks/0'],
  [
    'a batch with one bad task',
    '/api/v1/tasks/batch',
    { tasks: [{ type: 't', payload: 1 }, { type: 't' }] },
    '/tasks/1/payload',
  ],
  ['a batch with an unknown field', '/api/v1/tasks/batch', { tasks: [{ type: 't', payload: 1, x: 1 }] }, '/tasks/0/x'],
  ['a claim without worker', '/api/v1/leases', { queues: ['q'], limit: 1 }, '/workerId'],
  ['a claim without queues', '/api/v1/leases', { workerId: 'w', limit: 1 }, '/queues'],
  ['a claim with no queue', '/api/v1/leases', { ...claim, queues: [] }, '/queues'],
  ['a claim of none', '/api/v1/leases', { ...claim, limit: 0 }, '/limit'],
  ['a claim of too many', '/api/v1/leases', { ...claim, limit: 1001 }, '/limit'],
  ['a claim that waits too long', '/api/v1/leases', { ...claim, waitSeconds: 61 }, '/waitSeconds'],
  ['a lease that is too short', '/api/v1/leases', { ...claim, leaseSeconds: 0 }, '/leaseSeconds'],
  ['a lease that is too long', '/api/v1/leases', { ...claim, leaseSeconds: 3601 }, '/leaseSeconds'],
  ['a worker id with a line break', '/api/v1/leases', { ...claim, workerId: 'a\nb' }, '/workerId'],
  ['types that are text', '/api/v1/leases', { ...claim, types: 'a' }, '/types'],
  ['a heartbeat without leases', '/api/v1/leases/heartbeat', {}, '/leases'],
  ['a heartbeat without token', '/api/v1/leases/heartbeat', { leases: [{ taskId: lease.taskId }] }, '/leases/0/token'],
  ['a token that is text', '/api/v1/leases/heartbeat', { leases: [{ ...lease, token: '1' }] }, '/leases/0/token'],
  ['a token that is not whole', '/api/v1/leases/heartbeat', { leases: [{ ...lease, token: 1.5 }] }, '/leases/0/token'],
  ['a settlement without outcomes', '/api/v1/leases/settle', {}, '/outcomes'],
  ['an unknown outcome', '/api/v1/leases/settle', { outcomes: [{ ...lease, outcome: 'done' }] }, '/outcomes/0/outcome'],
  [
    'an error that is text',
    '/api/v1/leases/settle',
    { outcomes: [{ ...lease, outcome: 'failed', error: 'x' }] },
    '/outcomes/0/error',
  ],
  [
    'an error without message',
    '/api/v1/leases/settle',
    { outcomes: [{ ...lease, outcome: 'failed', error: { code: 'x' } }] },
    '/outcomes/0/error/message',
  ],
  [
    'retryable that is text',
    '/api/v1/leases/settle',
    { outcomes: [{ ...lease, outcome: 'failed', retryable: 'no' }] },
    '/outcomes/0/retryable',
  ],
  [
    'a claim in a settlement that waits',
    '/api/v1/leases/settle',
    { outcomes: [], claim: { ...claim, waitSeconds: 1 } },
    '/claim/waitSeconds',
  ],
  ['a record without entries', '/api/v1/leases/record', {}, '/entries'],
  ['a log that is an object', '/api/v1/leases/record', { entries: [{ ...lease, log: {} }] }, '/entries/0/log'],
  ['progress that is too large', '/api/v1/leases/record', { entries: [{ ...lease, progress: 'x'.repeat(16_385) }] }],
  ['a bulk cancel without filter', '/api/v1/tasks/cancel', {}],
  ['a bulk retry with an unknown filter', '/api/v1/tasks/retry', { id: 'x' }, '/id'],
  ['a bulk retry with an unknown status', '/api/v1/tasks/retry', { status: 'done' }, '/status'],
  ['a classic task without type', '/tasks', { data: {} }, '/type'],
  ['a classic task with an unknown field', '/tasks', { type: 't', dta: {} }, '/dta'],
]

const WRONG_QUERIES: readonly (readonly [url: string, status: number, path?: string])[] = [
  ['/api/v1/tasks?limit=0', 400, '/limit'],
  ['/api/v1/tasks?limit=201', 400, '/limit'],
  ['/api/v1/tasks?limit=ten', 400, '/limit'],
  ['/api/v1/tasks?limit=1&limit=2', 400, '/limit'],
  ['/api/v1/tasks?status=done', 400, '/status'],
  ['/api/v1/tasks?colour=red', 400, '/colour'],
  ['/api/v1/tasks?createdAfter=yesterday', 400, '/createdAfter'],
  ['/api/v1/tasks?createdBefore=2030-13-01T00:00:00Z', 400, '/createdBefore'],
  ['/api/v1/tasks?cursor=no%20cursor', 400],
  ['/api/v1/tasks?cursor=%00%ff', 400],
  ['/api/v1/tasks?cursor=eyJhIjoxfQ', 400],
  ['/api/v1/tasks/x?waitSeconds=61', 400, '/waitSeconds'],
  ['/api/v1/tasks/x?waitSeconds=-1', 400, '/waitSeconds'],
  ['/api/v1/tasks/x?waitSeconds=soon', 400, '/waitSeconds'],
  ['/api/v1/workers/w/session?concurrency=many', 400, '/concurrency'],
  ['/api/v1/workers/w/session?concurrency=0', 400, '/concurrency'],
  ['/api/v1/queues/%20', 400, '/queue'],
  ['/api/v1/queues/nowhere', 404],
  ['/api/v1/tasks/not-an-id', 404],
  ['/api/v1/tasks/%00', 404],
  [`/api/v1/tasks/${'a'.repeat(2000)}`, 414],
  ['/api/v1/tasks/%zz', 400],
  ['/api/v1/nothing', 404],
  ['/api/v2/tasks', 404],
  ['/../../etc/passwd', 404],
  ['//', 404],
]

const payload = (text: string) => `{"type":"t","payload":${text}}`

/** Requests that are wrong, each with the status of its refusal and, where one place is at fault, the place. */
export const MALFORMED: readonly MalformedRequest[] = [
  ...NOT_JSON.map(([name, body]) => submit(body, 400, name)),
  ...NOT_AN_OBJECT.map((body) => submit(body, 400, `a body that is ${body}`)),
  submit('{}', 400, 'an empty object', '/type'),
  submit('{"payload":1}', 400, 'no type', '/type'),
  submit('{"type":"t"}', 400, 'no payload', '/payload'),
  submit('{"type":"t","payload":1,"__proto__":{"queue":"q"}}', 400, '__proto__ beside the payload', '/__proto__'),
  submit('{"type":"t","payload":1,"constructor":1}', 400, 'constructor beside the payload', '/constructor'),
  submit('{"type":"t","payload":1,"priority":1e400}', 400, 'an infinite priority', '/priority'),
  ...WRONG_FIELDS.map(([name, fields, path]) => submit(json({ type: 't', payload: 1, ...fields }), 400, name, path)),
  submit(payload(nested(64)), 400, 'nesting over the limit'),
  submit(payload(nested(100_000)), 400, 'nesting far over the limit'),
  submit(payload(`${'{"a":'.repeat(70)}1${'}'.repeat(70)}`), 400, 'objects nested over the limit'),
  submit(payload(`"${'x'.repeat(MiB)}"`), 413, 'a body over 1 MiB'),
  submit(Buffer.from('7b2274797065223a2274222c227061796c6f6164223a22ff227d', 'hex'), 400, 'a body that is not UTF-8'),
  submit(Buffer.from([0, 1, 2, 3, 254, 255]), 400, 'binary'),
  { name: 'no body', url: '/api/v1/tasks', status: 400 },
  { name: 'a form', url: '/api/v1/tasks', body: 'type=t', type: 'application/x-www-form-urlencoded', status: 415 },
  { name: 'plain text', url: '/api/v1/tasks', body: '{}', type: 'text/plain', status: 415 },
  { name: 'XML', url: '/api/v1/tasks', body: '<a/>', type: 'application/xml', status: 415 },
  { name: 'a broken media type', url: '/api/v1/tasks', body: '{}', type: 'json', status: 415 },
  { name: 'multipart', url: '/tasks', body: '--x--', type: 'multipart/form-data; boundary=x', status: 415 },
  ...WRONG_BODIES.map(([name, url, body, path]) => ({
    name,
    url,
    body: json(body),
    status: 400,
    ...(path === undefined ? {} : { path }),
  })),
  ...WRONG_QUERIES.map(([url, status, path]) => ({
    name: url.slice(0, 60),
    method: 'GET',
    url,
    status,
    ...(path === undefined ? {} : { path }),
  })),
  { name: 'DELETE of a task', method: 'DELETE', url: '/api/v1/tasks/x', status: 405 },
  { name: 'PUT of a task', method: 'PUT', url: '/api/v1/tasks/x', status: 405 },
  { name: 'PATCH of the list', method: 'PATCH', url: '/api/v1/tasks', status: 405 },
  { name: 'GET of the claim', method: 'GET', url: '/api/v1/leases', status: 405 },
  { name: 'POST of the metrics', url: '/metrics', body: '{}', status: 405 },
  {
    name: 'an empty idempotency key',
    url: '/api/v1/tasks',
    body: payload('1'),
    headers: { 'idempotency-key': ' ' },
    status: 400,
  },
  {
    name: 'an idempotency key that is too long',
    url: '/api/v1/tasks',
    body: payload('1'),
    headers: { 'idempotency-key': 'k'.repeat(256) },
    status: 400,
  },
]
