import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_BACKOFF, type HistoryRecord, type JsonText, type Task, taskHistory } from '../src/index.ts'

const TASK: Task = {
  ...{ id: 'a', namespace: 'default', queue: 'default', type: 't', status: 'queued', priority: 0, crashes: 0 },
  ...{ payload: '1' as JsonText, result: null, error: null, progress: null, tags: [], backoff: DEFAULT_BACKOFF },
  ...{
    attempt: 1,
    maxAttempts: 3,
    timeoutSeconds: null,
    idempotencyKey: null,
    workerId: null,
    cancelRequestedAt: null,
  },
  ...{ runAt: 1000, createdAt: 1000, startedAt: null, finishedAt: null },
}

const record = (token: number, kind: HistoryRecord['kind'], startedAt: number | null = null): HistoryRecord => ({
  ...{ at: 2000, kind, attempt: token, token, startedAt, workerId: startedAt === null ? null : 'w' },
  data: null,
})

test('what a later lease has brought since the task was read is left to the next call, which knows its start', () => {
  const lines = [record(1, 'log'), record(1, 'retry-scheduled', 1500), record(2, 'progress'), record(2, 'log')]
  const kinds = (task: Task, token: number) => taskHistory(task, token, lines).map(({ kind }) => kind)
  const before = kinds(TASK, 1)
  assert.deepEqual(before, ['submitted', 'started', 'log', 'retry-scheduled'])
  const running: Task = { ...TASK, status: 'running', attempt: 2, startedAt: 1900, workerId: 'w' }
  assert.deepEqual(kinds(running, 2), [...before, 'started', 'progress', 'log'])
})
