import type { BusMessage, ReadyLane } from '@taskyard/core'

/**
 * What a process has told lately; one document per process, so that processes never write the same one. `news` is numbered
 * without gaps: a reader that missed some knows it.
 */
export interface SignalDocument {
  readonly _id: string
  /** The store's time at which it was written, ms. */
  readonly at: number
  readonly news: readonly News[]
}

export interface News {
  readonly n: number
  /** `namespace/queue/type`; `null`: too many to name. */
  readonly lanes: readonly string[] | null
  readonly messages: readonly BusMessage[]
}

/** A process that has not written for so long is not read any more, and its document goes. Milliseconds. */
export const SILENT_MS = 120_000
/** A read or write is given up then, and done again. */
export const SIGNAL_CALL_MS = 3_000

export function laneName({ namespace, queue, type }: ReadyLane): string {
  return `${namespace}/${queue}/${type}`
}

export function laneFrom(name: string): ReadyLane {
  const [namespace = '', queue = '', type = ''] = name.split('/')
  return { namespace, queue, type }
}
