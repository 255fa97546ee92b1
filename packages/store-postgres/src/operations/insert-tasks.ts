import { isDefaultBackoff, type NewTask } from '@taskyard/core'
import { ids, joinJson, numbers, quoted, unlessAll } from '../arrays.ts'
import type { Run } from '../database.ts'

/** When a new task is due, ms; never before `now`. A time goes before a delay. */
export function runAtOf({ runAt, delayMs }: NewTask, now: number): number {
  return Math.max(now, runAt ?? now + delayMs)
}

/** Stores tasks in one statement and gives the time; fails when one of the ids is there already. */
export async function insertTasks(
  run: Run,
  [now, atLeast]: readonly [number | null, number],
  tasks: readonly NewTask[],
  laneOf: ReadonlyMap<NewTask, number>,
): Promise<number> {
  const [row] = await run<[string]>(
    `SELECT now FROM @submit_tasks_3($1::bigint, $2::bigint, $3::uuid[], $4::integer[], $5::text, $6::smallint[], $7::bigint[],
       $8::bigint[], $9::smallint[], $10::double precision[], $11::text[], $12::text[], $13::text[], $14::integer[], $15::text[],
       $16::text[])`,
    [now, atLeast, ...taskColumns(tasks, laneOf), ...tagColumns(tasks)],
  )
  return Number(row?.[0])
}

/** Which task each tag is of, counted from 1, the tags, and their namespaces. */
function tagColumns(tasks: readonly NewTask[]): readonly [string, string, string] {
  const tagged = tasks.flatMap(({ tags, namespace }, i) => tags.map((tag) => ({ n: i + 1, tag, namespace })))
  return [
    numbers(tagged.map(({ n }) => n)),
    `{${tagged.map(({ tag }) => quoted(tag)).join(',')}}`,
    `{${tagged.map(({ namespace }) => quoted(namespace)).join(',')}}`,
  ]
}

function taskColumns(tasks: readonly NewTask[], laneOf: ReadonlyMap<NewTask, number>): string[] {
  const isNull = (value: unknown) => value === null
  return [
    ids(tasks.map(({ id }) => id)),
    numbers(tasks.map((task) => laneOf.get(task) as number)),
    joinJson(tasks.map(({ payload }) => payload)),
    unlessAll(
      tasks.map(({ priority }) => priority),
      (priority) => priority === 0,
      String,
    ),
    unlessAll(
      tasks.map(({ runAt }) => runAt),
      isNull,
      (runAt) => String(runAt ?? 'NULL'),
    ),
    unlessAll(
      tasks.map(({ delayMs }) => delayMs),
      (delayMs) => delayMs === 0,
      String,
    ),
    unlessAll(
      tasks.map(({ maxAttempts }) => maxAttempts),
      (maxAttempts) => maxAttempts === 10,
      String,
    ),
    unlessAll(
      tasks.map(({ timeoutSeconds }) => timeoutSeconds),
      (seconds) => seconds === 3600,
      (seconds) => String(seconds ?? -1),
    ),
    unlessAll(
      tasks.map(({ backoff }) => backoff),
      isDefaultBackoff,
      (backoff) => (isDefaultBackoff(backoff) ? '""' : quoted(JSON.stringify(backoff))),
    ),
    unlessAll(
      tasks.map(({ tags }) => tags),
      isEmpty,
      (tags) => (isEmpty(tags) ? '""' : quoted(JSON.stringify(tags))),
    ),
    unlessAll(
      tasks.map(({ idempotency }) => idempotency),
      isNull,
      (idempotency) => quoted(idempotency?.key ?? ''),
    ),
  ]
}

function isEmpty(list: readonly unknown[]): boolean {
  return list.length === 0
}
