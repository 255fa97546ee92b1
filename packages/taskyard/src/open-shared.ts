import { RunningWorkers, StuckTasks, troubleReport } from '@taskyard/client/shared'
import { type Clock, monotonicClock, type Random, TaskyardError } from '@taskyard/core'
import { systemClock, systemRandom } from '@taskyard/core/runtime'
import { type Assembly, assemble } from './assemble.ts'
import { keepProcessAlive } from './keep-process-alive.ts'
import { incidentLogFor, type OpenOptions, settingsOfOptions } from './open-options.ts'
import { TaskListeners } from './task-listeners.ts'

/** What a Taskyard in a program is in all its namespaces. */
export interface Shared {
  readonly assembly: Assembly
  /** Of spans. */
  readonly clock: Clock
  readonly random: Random
  readonly onError: (error: unknown, during: string) => void
  readonly listeners: TaskListeners
  readonly stuckTasks: StuckTasks
  readonly letProcessEnd: () => void
  readonly workers: RunningWorkers
  readonly closed: AbortController
  closing: Promise<void> | null
  /** Its workers have stopped, and nothing can be called any more. */
  isClosed: boolean
}

/**
 * Opens what the options name, with its engine started; the process lives until `letProcessEnd()`.
 * @throws TaskyardError as `Taskyard.open`
 */
export async function openShared(options: OpenOptions): Promise<Shared> {
  const settings = settingsOfOptions(options)
  const { clock = systemClock, random = systemRandom, ids, checkPayload } = options
  const incidents = incidentLogFor(options, clock)
  const letProcessEnd = keepProcessAlive()
  try {
    const assembly = await assemble(settings, { clock, random, ids, checkPayload, incidents })
    await assembly.engine.start().catch(async (error) => {
      await assembly.close()
      throw error
    })
    const onError: Shared['onError'] = (error, during) => incidents.workerFailed(during, error)
    return {
      assembly,
      clock: monotonicClock(clock),
      random,
      onError,
      listeners: new TaskListeners(onError),
      stuckTasks: new StuckTasks(troubleReport(options.onError, monotonicClock(clock))),
      letProcessEnd,
      workers: new RunningWorkers(),
      closed: new AbortController(),
      closing: null,
      isClosed: false,
    }
  } catch (error) {
    letProcessEnd()
    throw inWordsOfOptions(error)
  }
}

/** What the variables of a server are called in `Taskyard.open`. */
const OPTIONS = [
  [/^TASKYARD_STORE: /, 'Taskyard.open: store: '],
  [/TASKYARD_STORE/g, 'store'],
  [/set TASKYARD_ALLOW_UNSAFE_DURABILITY=1/g, 'open it with allowUnsafeDurability: true'],
] as const

function inWordsOfOptions(error: unknown): unknown {
  if (!(error instanceof TaskyardError)) return error
  const message = OPTIONS.reduce((text, [name, option]) => text.replace(name, option), error.message)
  if (message === error.message) return error
  return new TaskyardError(error.code, {}, { message, violations: error.violations, cause: error })
}

/** What is thrown at calls after the end. */
export function closed(): TaskyardError {
  return new TaskyardError('closed', { what: 'Taskyard' })
}
