import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TaskDocument } from '@taskyard/core'
import type { Printer } from '../src/cli/printer.ts'
import { taskLines, taskTableLines } from '../src/cli/task-lines.ts'

const CREATED = '2026-01-01T00:00:00.000Z'
const NOW = Date.parse('2026-01-01T01:05:00.000Z')
const ID = '019aa7c4-0f5e-7cc3-98f5-0c6b9b3c1d2e'
const task = { id: ID, status: 'failed', type: 'resize-image', queue: 'pictures', attempt: 10, maxAttempts: 10 }
const error = { code: 'timeout', message: 'The attempt ran longer than its 3600 s, which is all that it was given' }

function table(width: number): string[] {
  const tasks = [{ ...task, createdAt: CREATED, error } as TaskDocument]
  return taskTableLines(tasks, { paint: (_, text) => text, width } as Printer, NOW)
}

test('a list at 80 columns says of a task when it was created and where it waits, and below it what went wrong', () => {
  assert.deepEqual(table(80), [
    `${'ID'.padEnd(36)}  STATUS  TYPE          QUEUE     CREATED`,
    `${ID}  failed  resize-image  pictures  1 h ago`,
    '  timeout: The attempt ran longer than its 3600 s, which is all that it was giv…',
  ])
  for (const line of table(80)) assert.ok([...line].length <= 80, line)
})

test('a list with room for it says the error beside the task', () => {
  assert.deepEqual(table(120), [
    `${'ID'.padEnd(36)}  STATUS  TYPE          QUEUE     ATTEMPT  CREATED  ERROR`,
    `${ID}  failed  resize-image  pictures    10/10  1 h ago  timeout: The attempt ran longer…`,
  ])
})

test('a task says what it has otherwise than most: its time-out', () => {
  const full = {
    ...task,
    ...{
      createdAt: CREATED,
      error,
      tags: [],
      priority: 0,
      crashes: 0,
      idempotencyKey: null,
      startedAt: null,
      finishedAt: null,
    },
    ...{ workerId: null, payload: 1, progress: null, timeoutSeconds: 90 },
  } as unknown as TaskDocument
  const lines = (more: object) =>
    taskLines({ ...full, ...more }, { paint: (_, text) => text } as Printer, NOW).join('\n')
  assert.match(lines({}), /\n +time-out +1 m 30 s\n/)
  assert.doesNotMatch(lines({ timeoutSeconds: 3600 }), /time-out/)
})
