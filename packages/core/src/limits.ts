/** Every bound of the platform that is on by default. Bytes are of UTF-8 text; times say their unit in the name. */
export const LIMITS = {
  bodyBytes: 1_048_576,
  jsonDepth: 64,
  /** Of a result or a progress: the body that carries it nests three levels more. */
  resultDepth: 61,
  batch: 1000,
  /** Payloads of one batch together. */
  batchBytes: 16_777_216,
  claim: 1000,
  /** A claim ends with the task whose payload brings it here. */
  claimBytes: 8_388_608,
  listPage: 200,
  /** A list of tasks, or of events of one, ends once it has so many. */
  pageBytes: 4_194_304,
  nameLength: 128,
  idempotencyKeyLength: 255,
  tags: 20,
  tagLength: 128,
  priority: 1000,
  maxAttempts: 1000,
  timeoutSeconds: 7 * 86_400,
  delaySeconds: 366 * 86_400,
  leaseSeconds: 3600,
  waitSeconds: 60,
  resultBytes: 1_048_576,
  progressBytes: 16_384,
  logBytes: 16_384,
  errorBytes: 16_384,
  /** Progress and log entries kept per attempt; later ones are dropped. */
  recordsPerAttempt: 1000,
  /** The same over all attempts of a task. */
  recordsPerTask: 2000,
  /** Events in one answer. */
  eventPage: 1000,
  /** Waiting (queued, scheduled or blocked) tasks per queue; over it submissions are refused with `queue_full`. */
  queueDepth: 10_000_000,
  idempotencySeconds: 86_400,
  /** Task types that may have defaults of their own, per namespace. */
  typesWithDefaults: 1000,
} as const

/** What a submission, a claim or a worker gets that does not say otherwise. */
export const DEFAULTS = {
  namespace: 'default',
  queue: 'default',
  priority: 0,
  maxAttempts: 10,
  timeoutSeconds: 3600,
  leaseSeconds: 30,
  cancelGraceSeconds: 10,
  sessionGraceSeconds: 5,
  /** What runs on when a worker is told to stop. With what follows it fits into the 10 s that Docker gives before it kills. */
  drainSeconds: 8,
} as const

/** What finished tasks may cost. A task is removed once any of its bounds is passed, oldest first. */
export interface Retention {
  readonly succeededSeconds: number
  readonly failedSeconds: number
  readonly finishedBytes: number
}

/** A week for what succeeded or was cancelled, 30 days for what failed, 1 GiB for all. */
export const DEFAULT_RETENTION: Retention = {
  succeededSeconds: 7 * 86_400,
  failedSeconds: 30 * 86_400,
  finishedBytes: 1_073_741_824,
}

/** Among the queues of a claim: every queue of the namespace, also those to come. No queue can have this name. */
export const EVERY_QUEUE = '*'

/** Queues and types: letters, digits and `. _ : -`, starting with a letter or digit. None needs escaping in JSON. */
export const NAME_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$'
