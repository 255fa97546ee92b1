import { eventually } from '@taskyard/conformance'
import type { TaskHandlers } from '@taskyard/core'
import { startWorker, type WorkerOptions } from '@taskyard/worker'
import { MemoryApi } from './memory-api.ts'

const PATIENCE_MS = 60_000

export const ignoreErrors = { onError: () => {} }

/** A worker on a Taskyard of its own; both are gone after the test. */
export function openTestBed(
  t: { after(fn: () => Promise<void>): void },
  handlers: TaskHandlers,
  options: WorkerOptions = {},
) {
  const api = new MemoryApi()
  const worker = startWorker(api, handlers, { ...ignoreErrors, ...options })
  t.after(() => worker.stop({ deadlineSeconds: 0 }))
  return { api, worker }
}

/** Resolves once it holds, and fails after a minute. For what no event tells of, or of which it may have told before anybody listened. */
export async function until(holds: () => boolean): Promise<void> {
  await eventually(String(holds), PATIENCE_MS, holds)
}

export function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason))
  })
}
