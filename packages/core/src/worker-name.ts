import { DEFAULTS } from './limits.ts'
import type { WorkerName } from './ports/presence.ts'

// Names of workers and of namespaces hold no `/`.

/** One text for a worker among those of all namespaces; in the default one it is its id. */
export function workerKey({ namespace, workerId }: WorkerName): string {
  return namespace === DEFAULTS.namespace ? workerId : `${namespace}/${workerId}`
}

/** The worker of a {@link workerKey}. */
export function workerOfKey(key: string): WorkerName {
  const slash = key.indexOf('/')
  if (slash < 0) return { namespace: DEFAULTS.namespace, workerId: key }
  return { namespace: key.slice(0, slash), workerId: key.slice(slash + 1) }
}
