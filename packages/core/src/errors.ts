/**
 * Every error a caller can meet. `definite`: whether the call certainly had no effect. `retryable`: whether the same
 * call can succeed later. Codes are stable: a retired code is never used again.
 */
export const ERRORS = {
  invalid_request: entry(400, 'The request is malformed', '{reason}'),
  invalid_json: entry(400, 'The body is not JSON', 'The body is not valid JSON: {reason}'),
  too_deep: entry(400, 'The JSON is nested too deeply', 'The body nests deeper than {limit} levels'),
  too_large: entry(413, 'The body is too large', 'The body is over the limit of {limit} bytes'),
  batch_too_large: entry(413, 'The batch is too large', '{reason}'),
  unsupported_media_type: entry(415, 'The body is not application/json', 'Send the body as application/json'),
  invalid_payload: entry(
    422,
    'The payload does not fit its task type',
    'The payload of a task of type {type} is wrong: {reason}',
  ),
  idempotency_conflict: entry(
    422,
    'The idempotency key was used for another task',
    'The key "{key}" was used for another task in the last 24 hours; use a new key or send the same task',
  ),
  idempotent_task_gone: entry(
    409,
    'The first task of this key is gone',
    'The key "{key}" was used for task {id}, which has been deleted since, or removed by retention',
  ),
  cross_origin: entry(
    403,
    'The request comes from a page of another site',
    'A page of another site asked for this, which browsers may do for pages of this server alone; programs leave out ' +
      'the headers Origin and Sec-Fetch-Site',
  ),
  unknown_host: entry(
    403,
    'The server is not known by this name',
    '"{host}" is not a name of this server, which listens on its own machine alone; use localhost, or set ' +
      'TASKYARD_PUBLIC_HOSTS to the names under which it is reached',
  ),
  task_not_found: entry(
    404,
    'There is no such task',
    'There is no task {id} in namespace {namespace}; finished tasks are kept only as long as retention says, or until somebody deletes them',
  ),
  queue_not_found: entry(
    404,
    'There is no such queue',
    'No task was ever submitted to queue {queue} in namespace {namespace}',
  ),
  route_not_found: entry(404, 'There is no such route', 'There is no {method} {path}; see /docs'),
  method_not_allowed: entry(405, 'The route has no such method', '{path} takes {allowed}'),
  not_cancellable: entry(
    409,
    'The task has already ended',
    'Task {id} is {status}: only tasks that have not ended can be cancelled',
  ),
  not_retryable: entry(
    409,
    'The task cannot be retried',
    'Task {id} is {status}: only failed and cancelled tasks can be retried',
  ),
  not_deletable: entry(
    409,
    'The task has not ended',
    'Task {id} is {status}: only tasks that have ended can be deleted',
  ),
  queue_full: entry(
    429,
    'The queue is full',
    'Queue {queue} has no room for this, its limit is {limit} waiting tasks; try again when workers have caught up',
    { retryable: true },
  ),
  too_many_types: entry(
    409,
    'Too many task types have defaults',
    'In namespace {namespace} {limit} types may have defaults of their own; take those of others away first',
  ),
  rate_limited: entry(429, 'Too many requests', 'Too many requests of this kind; try again in {retryAfterSeconds} s', {
    retryable: true,
  }),
  shutting_down: entry(
    503,
    'The server is shutting down',
    'The server is shutting down and takes no new work; try another one or again',
    { retryable: true },
  ),
  store_full: entry(
    503,
    'The store is out of space',
    'The store has no space left: {reason}. Nothing was stored; free some space and it recovers by itself',
    { retryable: true },
  ),
  store_read_only: entry(
    503,
    'The store cannot be written',
    'The store cannot be written: {reason}. Nothing was stored',
    { retryable: true },
  ),
  store_unavailable: entry(503, 'The store cannot serve', 'The store cannot serve: {reason}', {
    retryable: true,
    definite: false,
  }),
  store_locked: entry(
    503,
    'The store is in use',
    '{path} is in use by another Taskyard server, this program has opened it already, or taskyard doctor checks it; stop that one, or give this one a file of its own',
  ),
  store_corrupt: entry(
    500,
    'The store is damaged',
    '{path} is damaged: {reason}. Restore a backup; see the operations guide',
  ),
  store_log_lost: entry(
    500,
    'The store was copied without its log',
    '{path} comes from a running or killed server, and its log, {path}-wal, is not beside it, or is empty or damaged: the newest ' +
      'tasks are missing. Restore a backup made by taskyard backup, or put the log there. To go on with what the file holds: ' +
      "taskyard migrate --accept-lost-log --store 'sqlite:{path}'",
  ),
  store_too_new: entry(
    500,
    'The store is from a newer version',
    '{path} has schema version {found}, this version knows up to {known}; upgrade Taskyard',
  ),
  unsafe_durability: entry(
    500,
    'The store may lose acknowledged tasks',
    '{reason}. Mend the setting, or set TASKYARD_ALLOW_UNSAFE_DURABILITY=1 where losing tasks is acceptable',
  ),
  transaction_unsupported: entry(
    400,
    'The store cannot join the transaction',
    'The task cannot be submitted in this transaction: {reason}',
  ),
  backup_unsupported: entry(
    400,
    'The store is backed up by other means',
    'Taskyard does not back up this store: {instead}',
  ),
  backup_under_way: entry(429, 'A backup is being made', 'Another backup is being made; try again when it is done', {
    retryable: true,
  }),
  invalid_configuration: entry(500, 'The configuration is wrong', '{reason}'),
  connection_failed: entry(503, 'The server cannot be reached', '{url} cannot be reached: {reason}', {
    retryable: true,
    definite: false,
  }),
  closed: entry(503, 'It was closed', 'This {what} was closed by its close(); make another one to go on', {
    definite: false,
  }),
  internal: entry(500, 'An unexpected error', 'An unexpected error: {reason}', { definite: false }),
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof ERRORS

export interface ErrorEntry {
  readonly status: number
  readonly title: string
  readonly template: string
  readonly retryable: boolean
  readonly definite: boolean
}

/** The `type` of a problem document (RFC 9457) about this code: it tells our errors from those of others on the way. */
export function problemType(code: string): string {
  return `https://taskyard.dev/problems/${code}`
}

/** One failed location inside a request or payload; `path` is a JSON Pointer (RFC 6901). */
export interface Violation {
  readonly path: string
  readonly message: string
}

/**
 * An error of the catalogue, with its status (HTTP), whether the same call may succeed later (`retryable`), and whether it is
 * certain that nothing was changed (`definite`). `values` fill its message.
 */
export class TaskyardError extends Error {
  override readonly name = 'TaskyardError'
  readonly code: ErrorCode
  readonly status: number
  readonly title: string
  readonly retryable: boolean
  readonly definite: boolean
  readonly violations: readonly Violation[]

  constructor(
    code: ErrorCode,
    values: Readonly<Record<string, unknown>> = {},
    options: { violations?: readonly Violation[]; cause?: unknown; message?: string } = {},
  ) {
    const { status, title, template, retryable, definite } = ERRORS[code]
    super(options.message ?? fillTemplate(template, values) ?? title, { cause: options.cause })
    this.code = code
    this.status = status
    this.title = title
    this.retryable = retryable
    this.definite = definite
    this.violations = options.violations ?? []
  }
}

/**
 * Throw from a handler to fail the attempt for good, or to choose the wait before the next one:
 * `throw new TaskFailure('no such mailbox', { code: 'mailbox_unknown', retryable: false })`.
 */
export class TaskFailure extends Error {
  override readonly name = 'TaskFailure'
  readonly code: string
  readonly retryable: boolean
  readonly retryDelaySeconds: number | null

  constructor(
    message: string,
    options: { code?: string; retryable?: boolean; retryDelaySeconds?: number; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.code = options.code ?? 'error'
    this.retryable = options.retryable ?? true
    this.retryDelaySeconds = options.retryDelaySeconds ?? null
  }
}

function entry(
  status: number,
  title: string,
  template: string,
  flags: { retryable?: boolean; definite?: boolean } = {},
): ErrorEntry {
  return { status, title, template, retryable: flags.retryable ?? false, definite: flags.definite ?? true }
}

/** `null` when a value is missing: a message never shows a gap. */
function fillTemplate(template: string, values: Readonly<Record<string, unknown>>): string | null {
  let complete = true
  const text = template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name]
    if (value === undefined || value === null) complete = false
    return String(value)
  })
  return complete ? text : null
}
