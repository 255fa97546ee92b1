import { isWithoutDefaults, type TypeWithDefaults, type WorkerApi } from '@taskyard/core'
import type { ReportError } from './report-error.ts'
import { isRefusal, pause, retryDelayMs } from './retry.ts'
import type { WorkerSettings } from './worker-options.ts'

export interface DeclaredTypesParams {
  readonly api: Pick<WorkerApi, 'declareTypes' | 'declaredTypes'>
  /** What the handlers declare. */
  readonly types: readonly TypeWithDefaults[]
  readonly settings: Pick<WorkerSettings, 'clock' | 'random' | 'report'>
  /** Aborts when the worker stops. */
  readonly stopping: AbortSignal
}

/** Tells a Taskyard what submissions of the worker's types get by default. Repeated until it is told, or refused. */
export class DeclaredTypes {
  readonly #params: DeclaredTypesParams
  #isTelling = false

  constructor(params: DeclaredTypesParams) {
    this.#params = params
  }

  /** Declares all: at the start of the worker, which then is the last to have declared them. */
  declare(): void {
    const { api, types, settings } = this.#params
    if (types.length > 0) this.#tell(() => api.declareTypes(types), settings.report)
  }

  /**
   * Declares again what is there no more, once the Taskyard can be asked: an outage may have cost the store what it had. What
   * others have declared since stays.
   */
  restore(): void {
    const { api, types } = this.#params
    const withDefaults = types.filter(({ defaults }) => !isWithoutDefaults(defaults))
    if (withDefaults.length === 0) return
    const declareLost = async () => {
      const there = new Set(await api.declaredTypes())
      const lost = withDefaults.filter(({ type }) => !there.has(type))
      if (lost.length > 0) await api.declareTypes(lost)
    }
    // That there is an outage is told already.
    this.#tell(declareLost, () => {})
  }

  #tell(call: () => Promise<void>, onTrouble: ReportError): void {
    if (this.#isTelling) return
    this.#isTelling = true
    void this.#repeat(call, onTrouble).finally(() => {
      this.#isTelling = false
    })
  }

  async #repeat(call: () => Promise<void>, onTrouble: ReportError): Promise<void> {
    const { settings, stopping } = this.#params
    for (let failures = 0; !stopping.aborted; failures++) {
      try {
        return await call()
      } catch (error) {
        if (stopping.aborted) return
        if (isRefusal(error)) return settings.report(error, 'declare types')
        onTrouble(error, 'declare types')
        await pause(settings.clock, retryDelayMs(failures, settings.random), stopping)
      }
    }
  }
}

/** The same api; `onTrouble` is told of each claim and settlement that failed without being refused. */
export function noticeTrouble(api: WorkerApi, onTrouble: () => void): WorkerApi {
  const noticed = async <Reply>(call: Promise<Reply>): Promise<Reply> => {
    try {
      return await call
    } catch (error) {
      if (!isRefusal(error)) onTrouble()
      throw error
    }
  }
  return {
    claim: (request, signal) => noticed(api.claim(request, signal)),
    settle: (request) => noticed(api.settle(request)),
    record: (entries) => api.record(entries),
    declareTypes: (types) => api.declareTypes(types),
    declaredTypes: () => api.declaredTypes(),
    openSession: (worker, onCancel, onChange) => api.openSession(worker, onCancel, onChange),
    threadAccess: () => api.threadAccess(),
    heartbeatRefused: (leases) => api.heartbeatRefused?.(leases),
  }
}
