import { type OpenedStore, wrapCalls } from '@taskyard/core'

/** Where lines about calls go; a `Logger` of pino, say. */
export interface StoreLog {
  trace(details: object, message: string): void
  isLevelEnabled(level: string): boolean
}

/** The same store, with a line in the log for each call: which, how long, and how it failed. */
export function traceCalls(store: OpenedStore, log: StoreLog): OpenedStore {
  return wrapCalls(store, (call, run) => async (params) => {
    const from = performance.now()
    const tell = (outcome: object) =>
      log.trace({ call, ms: Math.round((performance.now() - from) * 10) / 10, ...outcome }, 'store')
    try {
      const reply = await run(params)
      tell({})
      return reply
    } catch (error) {
      tell({ code: (error as { code?: unknown } | null)?.code ?? 'unknown' })
      throw error
    }
  })
}
