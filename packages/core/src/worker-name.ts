import { DEFAULTS } from './limits.ts'
import type { WorkerName } from './ports/presence.ts'

// Names of workers and of namespaces hold no `/`.

declare const isWorkerKey: unique symbol

/** A worker in one text. No other text is one, so that an id is not taken for it. */
export type WorkerKey = string & { readonly [isWorkerKey]: true }

/** One text for a worker among those of all namespaces; in the default one it is its id. */
export function workerKey({ namespace, workerId }: WorkerName): WorkerKey {
  return (namespace === DEFAULTS.namespace ? workerId : `${namespace}/${workerId}`) as WorkerKey
}

/** The worker of a {@link workerKey}. */
export function workerOfKey(key: WorkerKey): WorkerName {
  const slash = key.indexOf('/')
  if (slash < 0) return { namespace: DEFAULTS.namespace, workerId: key }
  return { namespace: key.slice(0, slash), workerId: key.slice(slash + 1) }
}
