import { type Clock, type LeasedTaskDocument, type TaskContext, TaskFailure } from '@taskyard/core'
import type { FailureCatalogue } from '../failure.ts'
import { type OpenHandler, statelessHandler, type TaskTypeDeps } from '../task-type.ts'

interface TestPayload {
  readonly message?: unknown
  readonly delayMs?: number
  readonly progressSteps?: number
  readonly log?: readonly string[]
  readonly blockMs?: number
  readonly fail?: boolean | number
  readonly retryable?: boolean
}

export const TEST_FAILURES = {
  test_failure: { retryable: true, when: 'the payload asked for it with `fail`; `"retryable": false` makes it final' },
} as const satisfies FailureCatalogue

/** Does what the payload asks for: logs, waits, blocks the event loop where `mayBlock`, fails. */
export function createTestHandler({ clock, mayBlock = false }: TaskTypeDeps): OpenHandler {
  return statelessHandler(async (task: LeasedTaskDocument, context) => {
    const options = optionsOf(task.payload)
    for (const line of options.log ?? []) context.log(line)
    const { blockMs = 0 } = options
    if (mayBlock) blockEventLoop(blockMs)
    else await pause(clock, blockMs, context.signal)
    await waitInSteps(clock, options, context)
    failIfAsked(options, task.attempt)
    return { message: options.message ?? null, attempt: task.attempt }
  })
}

function optionsOf(payload: unknown): TestPayload {
  return typeof payload === 'object' && payload !== null ? payload : {}
}

/** Parks the thread without burning a core. */
function blockEventLoop(blockMs: number): void {
  if (blockMs > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blockMs)
}

async function waitInSteps(clock: Clock, { delayMs = 0, progressSteps }: TestPayload, context: TaskContext) {
  const steps = progressSteps ?? 1
  for (let step = 1; step <= steps; step++) {
    await pause(clock, delayMs / steps, context.signal)
    if (progressSteps !== undefined) context.progress({ step, steps })
  }
}

/** Rejects with the signal's reason as soon as it aborts. */
function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (delayMs === 0) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const stop = () => {
      callOff()
      reject(signal.reason)
    }
    const callOff = clock.after(delayMs, () => {
      signal.removeEventListener('abort', stop)
      resolve()
    })
    signal.addEventListener('abort', stop, { once: true })
  })
}

function failIfAsked({ fail = false, retryable = true }: TestPayload, attempt: number): void {
  const fails = typeof fail === 'number' ? attempt <= fail : fail
  if (fails) throw new TaskFailure(`Attempt ${attempt} failed as asked`, { code: 'test_failure', retryable })
}
