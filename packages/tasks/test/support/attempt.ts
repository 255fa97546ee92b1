import type { LeasedTaskDocument, TaskContext, TaskFailure } from '@taskyard/core'
import { createUuidV7Generator, systemClock } from '@taskyard/core/runtime'
import { builtInTaskTypes } from '../../src/index.ts'
import type { TaskTypeDeps } from '../../src/task-type.ts'

const nextId = createUuidV7Generator(systemClock)

/** What an attempt wrote down, and the switch that cancels it. */
export interface Attempt {
  readonly task: LeasedTaskDocument
  readonly context: TaskContext
  readonly logged: string[]
  readonly progressed: unknown[]
  cancel(): void
}

export function attemptOf(type: string, payload: unknown, attempt = 1): Attempt {
  const abort = new AbortController()
  const logged: string[] = []
  const progressed: unknown[] = []
  return {
    task: taskOf(type, payload, attempt),
    logged,
    progressed,
    cancel: () => abort.abort(new Error('cancelled by the test')),
    context: {
      signal: abort.signal,
      token: attempt,
      heartbeat: { state: 'ok', at: null },
      progress: (value) => progressed.push(value),
      log: (line) => logged.push(line),
    },
  }
}

function taskOf(type: string, payload: unknown, attempt: number): LeasedTaskDocument {
  const at = new Date(systemClock.now()).toISOString()
  return {
    id: nextId(),
    namespace: 'default',
    queue: 'default',
    type,
    status: 'running',
    priority: 0,
    payload,
    result: null,
    error: null,
    attempt,
    maxAttempts: 10,
    crashes: 0,
    progress: null,
    tags: [],
    runAt: at,
    createdAt: at,
    startedAt: at,
    finishedAt: null,
    timeoutSeconds: 3600,
    idempotencyKey: null,
    workerId: 'worker',
    lease: { token: attempt, expiresAt: at },
  }
}

/** The built-in types on the machine's clock, closed when the test is over. */
export function openTypes(t: { after(close: () => Promise<void>): void }, deps: Partial<TaskTypeDeps> = {}) {
  const types = builtInTaskTypes({ clock: systemClock, random: () => 0, smtpUrl: null, ...deps })
  t.after(() => types.close())
  return {
    ...types,
    /** The result of one attempt. */
    // biome-ignore lint/suspicious/noExplicitAny: the test that asks knows the result's type
    run: async (type: string, payload: unknown, attempt = 1): Promise<any> => {
      const { task, context } = attemptOf(type, payload, attempt)
      return types.handlers[type]?.(task, context)
    },
  }
}

/** The failure an attempt ended with. */
export async function failureFrom(work: Promise<unknown>): Promise<TaskFailure> {
  return work.then(
    (result) => {
      throw new Error(`expected a failure, got ${JSON.stringify(result)}`)
    },
    (error) => error,
  )
}
