import type { Heartbeats, LeaseExtender } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'

const BEAT_MS = 1000
const TTL_MS = 5000

export interface EmbeddedExtenderData {
  /** The store's own way into another thread. */
  readonly module: string
  readonly data: unknown
  readonly namespace: string
  /** `null`: nobody else uses the store and judges whether the worker lives. */
  readonly beats: {
    /** By this name the thread beats: another one than its process, whose beats name other workers too. */
    readonly nodeId: string
    readonly workerId: string
  } | null
}

/**
 * Extends leases of a worker inside a server process, and says that the worker lives: a handler that blocks the main
 * thread keeps the process itself from saying so, and the other processes would take its tasks.
 */
export async function openLeaseExtender(inner: EmbeddedExtenderData): Promise<Heartbeats> {
  const { module, data, namespace, beats } = inner
  const { openLeaseExtender: open } = (await import(module)) as {
    openLeaseExtender(data: unknown): LeaseExtender | Promise<LeaseExtender>
  }
  const extender = await open(data)
  const stopBeats = beats === null ? async () => {} : startBeats(extender, namespace, beats)
  return {
    extend: (params, signal) => extender.extend({ ...params, namespace }, signal),
    async close() {
      await stopBeats()
      await extender.close()
    },
  }
}

function startBeats(
  extender: LeaseExtender,
  namespace: string,
  { nodeId, workerId }: NonNullable<EmbeddedExtenderData['beats']>,
): () => Promise<unknown> {
  // A store that cannot be reached is reported where leases are extended.
  const beat = async (ttlMs: number) =>
    extender.beat?.({ nodeId, workers: ttlMs === 0 ? [] : [{ namespace, workerId }], ttlMs }).catch(() => {})
  let callOff = () => {}
  const beatOn = () => {
    callOff = systemClock.after(BEAT_MS, beatOn)
    void beat(TTL_MS)
  }
  beatOn()
  return () => {
    callOff()
    return beat(0)
  }
}
