import type { LeaseExtender } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'

const BEAT_MS = 1000
const TTL_MS = 5000

export interface EmbeddedExtenderData {
  /** The store's own way into another thread. */
  readonly module: string
  readonly data: unknown
  /** By this name the thread beats: another one than its process, whose beats name other workers too. */
  readonly nodeId: string
  readonly workerId: string
}

/**
 * Extends leases of a worker inside a server process, and says that the worker lives: a handler that blocks the main
 * thread keeps the process itself from saying so, and the other processes would take its tasks.
 */
export async function openLeaseExtender(inner: EmbeddedExtenderData): Promise<LeaseExtender> {
  const { module, data, nodeId, workerId } = inner
  const { openLeaseExtender: open } = (await import(module)) as {
    openLeaseExtender(data: unknown): LeaseExtender | Promise<LeaseExtender>
  }
  const extender = await open(data)
  const beat = (ttlMs: number) =>
    // Trouble is the leases' to tell.
    extender.beat?.({ nodeId, workerIds: ttlMs === 0 ? [] : [workerId], ttlMs }).catch(() => {})
  let callOff = () => {}
  const beatOn = () => {
    callOff = systemClock.after(BEAT_MS, beatOn)
    void beat(TTL_MS)
  }
  beatOn()
  return {
    extend: (params) => extender.extend(params),
    async close() {
      callOff()
      await beat(0)
      await extender.close()
    },
  }
}
