import type { TypeWithDefaults, WorkerApi } from '@taskyard/core'
import { isRefusal, pause, retryDelayMs } from './retry.ts'
import type { WorkerSettings } from './worker-options.ts'

export interface DeclareTypesParams {
  readonly api: Pick<WorkerApi, 'declareTypes'>
  /** What the handlers declare. */
  readonly types: readonly TypeWithDefaults[]
  readonly settings: Pick<WorkerSettings, 'clock' | 'random' | 'report'>
  /** Aborts when the worker stops. */
  readonly stopping: AbortSignal
}

/**
 * Tells a Taskyard what submissions of the worker's types get by default, until it is told or refuses: once for each start of a
 * worker, so that what somebody changes or takes away afterwards stays so.
 */
export async function declareTypes({ api, types, settings, stopping }: DeclareTypesParams): Promise<void> {
  if (types.length === 0) return
  for (let failures = 0; !stopping.aborted; failures++) {
    try {
      return await api.declareTypes(types)
    } catch (error) {
      if (stopping.aborted) return
      settings.report(error, 'declare types')
      if (isRefusal(error)) return
      await pause(settings.clock, retryDelayMs(failures, settings.random), stopping)
    }
  }
}
