import { closestName } from './closest-name.ts'

interface Meant {
  readonly name: string
  /** What is different about it. */
  readonly note?: string
  /** What others call it, in lower case and without `_` and `-`. */
  readonly words: readonly string[]
}

const KEY_WORDS = ['key', 'jobid', 'jobkey', 'id', 'taskid', 'dedupekey', 'deduplication', 'singletonkey', 'uniquekey']

/** Our fields, and what they are called in BullMQ, Celery, pg-boss, Sidekiq and the services of the classic routes. */
const MEANT: readonly Meant[] = [
  { name: 'type', words: ['name', 'task', 'taskname', 'tasktype', 'job', 'jobname', 'jobtype', 'kind', 'handler'] },
  {
    name: 'payload',
    words: ['data', 'args', 'kwargs', 'arguments', 'params', 'parameters', 'input', 'body', 'content'],
  },
  { name: 'queue', words: ['queuename', 'routingkey', 'channel', 'topic', 'queues'] },
  {
    name: 'maxAttempts',
    note: 'the first one counts',
    words: ['attempts', 'retries', 'maxretries', 'retrylimit', 'retry'],
  },
  { name: 'delaySeconds', note: 'in seconds', words: ['delay', 'delayms', 'countdown', 'runin', 'wait'] },
  {
    name: 'runAt',
    note: 'a time in RFC 3339',
    words: ['eta', 'startafter', 'runafter', 'at', 'scheduledat', 'notbefore'],
  },
  {
    name: 'timeoutSeconds',
    note: 'in seconds',
    words: ['timeout', 'timelimit', 'expireinseconds', 'ttr', 'maxduration'],
  },
  { name: 'backoff', words: ['retrydelay', 'retrybackoff', 'retrydelaymax', 'retrystrategy'] },
  { name: 'tags', words: ['tag', 'labels'] },
  { name: 'idempotencyKey', words: KEY_WORDS },
  { name: 'Idempotency-Key', note: 'a header', words: [...KEY_WORDS, 'idempotencykey'] },
  { name: 'workerId', words: ['worker', 'id', 'consumer', 'consumerid', 'workername'] },
  { name: 'queues', note: 'a list', words: ['queue', 'queuename'] },
  { name: 'types', note: 'a list', words: ['type', 'tasktypes', 'tasks'] },
  { name: 'limit', words: ['count', 'max', 'batchsize', 'maxtasks', 'prefetch', 'concurrency'] },
  { name: 'leaseSeconds', note: 'in seconds', words: ['lease', 'visibilitytimeout', 'lockduration', 'ttl'] },
  { name: 'waitSeconds', note: 'in seconds', words: ['wait', 'timeout', 'waittimeseconds'] },
  { name: 'taskId', words: ['id', 'task', 'jobid'] },
  { name: 'outcome', words: ['status', 'state'] },
  { name: 'result', words: ['returnvalue', 'output', 'value'] },
  { name: 'error', words: ['reason', 'failedreason', 'exception'] },
  { name: 'retryDelaySeconds', note: 'in seconds', words: ['delay', 'retrydelay', 'retryafter', 'countdown'] },
]

/** What others put options into, which are fields of their own here. */
const WRAPPERS = ['opts', 'options']

/**
 * What to write instead of a name that is not known, such as `did you mean payload?`, or `null` when nothing is near.
 * @param known the names that are known in its place
 */
export function meantInstead(word: string, known: readonly string[]): string | null {
  if (WRAPPERS.includes(word) && known.includes('payload')) return 'its fields stand by themselves, beside payload'
  const meant = meantName(word, known)
  if (meant === null) return null
  return `did you mean ${meant.name}${meant.note === undefined ? '' : ` (${meant.note})`}?`
}

/** Which of the names that are known somebody means by a word of another task queue, or by a misspelt name of ours. */
export function meantName(word: string, known: readonly string[]): Pick<Meant, 'name' | 'note'> | null {
  const plain = word.toLowerCase().replace(/[_-]/g, '')
  const meant = MEANT.filter(({ name, words }) => known.includes(name) && words.includes(plain))
  const [first] = meant
  if (first !== undefined) return meant.find(({ name }) => name.toLowerCase().startsWith(plain)) ?? first
  const closest = closestName(word, known)
  return closest === null ? null : { name: closest }
}
