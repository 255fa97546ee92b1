import type { NewTask } from '@taskyard/core'
import type { Run } from '../database.ts'

/** An idempotency key within its namespace; only of tasks that have one. */
export function keyName({ namespace, idempotency }: NewTask): string {
  return `${namespace}\n${idempotency?.key}`
}

/** A queue within its namespace. */
export function queueName({ namespace, queue }: { readonly namespace: string; readonly queue: string }): string {
  return `${namespace}\n${queue}`
}

const NOTHING: ReadonlySet<string> = new Set()

/**
 * Of names, the numbers of their advisory locks, in the one order in which they are taken: nobody waits in a circle. Such locks are the
 * database's: the schema is part of what they are named after.
 */
const NAMED_LOCKS = `SELECT name, hashtextextended(split_part('@locks', '"', 2) || ' ' || name, 0) AS h FROM unnest($1::text[]) AS n (name) ORDER BY 2`

/**
 * Locks until the end of a transaction that several callers share: queues, unless they have room for all, and the keys that
 * nobody holds. Gives the names of the others: whoever holds one may keep it for long, and those who share the transaction
 * need not wait for that.
 */
export async function lockWhatIsFree(
  run: Run,
  tasks: readonly NewTask[],
  hasRoom: boolean,
): Promise<ReadonlySet<string>> {
  const queues = hasRoom ? [] : namesOf('queue', tasks.map(queueName))
  const keys = keysOf(tasks)
  const [, tried] = await Promise.all([
    queues.length === 0 ? [] : run(`SELECT pg_advisory_xact_lock(h)::text FROM (${NAMED_LOCKS}) AS l`, [queues]),
    keys.length === 0
      ? []
      : run<[string, string]>(`SELECT name, pg_try_advisory_xact_lock(h)::text FROM (${NAMED_LOCKS}) AS l`, [keys]),
  ])
  return new Set(tried.filter(([, isOurs]) => isOurs === 'false').map(([name]) => name.slice('key '.length)))
}

/** The first of a submission's keys that others hold. */
export function heldKey(tasks: readonly NewTask[], held: ReadonlySet<string>): string | undefined {
  if (held.size === 0) return undefined
  return tasks.find((task) => task.idempotency !== null && held.has(keyName(task)))?.idempotency?.key
}

/**
 * Locks the keys until the end of the caller's transaction, and waits for those that others hold. Not the queues: as long as
 * it is open, everybody who submits to them would wait. So what is in open transactions may go beyond a queue's depth.
 */
export async function lockKeys(run: Run, tasks: readonly NewTask[]): Promise<ReadonlySet<string>> {
  const keys = keysOf(tasks)
  if (keys.length > 0) await run(`SELECT pg_advisory_xact_lock(h)::text FROM (${NAMED_LOCKS}) AS l`, [keys])
  return NOTHING
}

function keysOf(tasks: readonly NewTask[]): readonly string[] {
  return namesOf('key', tasks.filter(({ idempotency }) => idempotency !== null).map(keyName))
}

function namesOf(kind: string, names: readonly string[]): readonly string[] {
  return [...new Set(names)].map((name) => `${kind} ${name}`)
}
