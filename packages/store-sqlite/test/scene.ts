import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { DEFAULT_BACKOFF, type NewTask, type TaskStore, toJsonText } from '@taskyard/core'
import { createUuidV7Generator, systemClock } from '@taskyard/core/runtime'
import { openSqliteStore } from '../src/index.ts'

export { CLAIM } from '@taskyard/conformance'

export const newId = createUuidV7Generator(systemClock)

export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'taskyard-sqlite-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A store that closes with its test. */
export async function openStore(t: TestContext, path: string): Promise<TaskStore> {
  const store = await openSqliteStore({ path, clock: systemClock })
  t.after(() => store.close())
  return store
}

export function newTask(overrides: Partial<NewTask> = {}): NewTask {
  return {
    id: newId(),
    namespace: 'default',
    queue: 'default',
    type: 'test',
    payload: toJsonText({ n: 1 }),
    priority: 0,
    runAt: null,
    delayMs: 0,
    maxAttempts: 3,
    backoff: DEFAULT_BACKOFF,
    timeoutSeconds: 60,
    tags: [],
    idempotency: null,
    ...overrides,
  }
}

export function submissions(...tasks: NewTask[]) {
  return { submissions: tasks.map((task) => ({ tasks: [task] })), queueDepth: 1_000_000 }
}
