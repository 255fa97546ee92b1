import { TaskyardError } from '@taskyard/core'
import type { Parts } from './parts.ts'

/** A server process beats this often, and counts as gone when the store has heard nothing for `TTL_MS`. */
const BEAT_MS = 1000
const TTL_MS = 5000
/** Beats further apart than this are not unbroken: the store was away, or this process stood still. */
const GAP_MS = 2500
/** A store that goes away while this process starts may take so long to come back. */
const START_PATIENCE_MS = 30_000
/** The last beat may take so long; after that the time to live says the same. */
const FAREWELL_MS = 1000

export interface Presence {
  /**
   * Resolves with the first beat: from then on this process counts as alive. Waits for a store that is away, 30 s at most.
   * `onBeat` is told of each later one.
   * @throws TaskyardError store_unavailable
   */
  start(onBeat: () => void): Promise<void>
  /** Takes this process off at once. */
  stop(): Promise<void>
  /** Resolves when the store knows who is connected now. Calls that come together share a beat. */
  beat(): Promise<void>
  /**
   * Whether others may be judged by their beats. Only after a whole time to live of beats of one's own without a gap:
   * after an outage of the store every beat is stale, and nobody is dead for that.
   */
  isTrusted(): boolean
}

/** Says in the store, every second, that this server process lives and which workers it answers for. */
export function createPresence(parts: Parts, nodeId: string, connectedWorkers: () => readonly string[]): Presence {
  const { store, clock, timeOfDay, troubles } = parts
  let stopped = false
  let cancelTimer = () => {}
  let underWay: Promise<void> | null = null
  let next: Promise<void> | null = null
  // Times of day: while the machine sleeps they go on, as the store's do.
  let lastAt = Number.NEGATIVE_INFINITY
  let unbrokenSince = Number.POSITIVE_INFINITY

  function beat(): Promise<void> {
    if (underWay === null) {
      underWay = send().finally(() => {
        underWay = null
      })
      return underWay
    }
    next ??= underWay
      .catch(() => {})
      .then(() => {
        next = null
        return beat()
      })
    return next
  }

  async function send(): Promise<void> {
    if (stopped) return
    const sentAt = timeOfDay()
    try {
      await store.presence.beat({ nodeId, workerIds: connectedWorkers(), ttlMs: TTL_MS })
    } catch (error) {
      unbrokenSince = Number.POSITIVE_INFINITY
      throw error
    }
    if (timeOfDay() - lastAt > GAP_MS) unbrokenSince = sentAt
    else unbrokenSince = Math.min(unbrokenSince, sentAt)
    lastAt = sentAt
  }

  async function beatAndPlan(onBeat: () => void): Promise<void> {
    try {
      await beat()
      troubles.worked('presence')
      if (!stopped) onBeat()
    } catch (error) {
      troubles.failed('presence', error)
    }
    plan(onBeat)
  }

  function plan(onBeat: () => void): void {
    if (!stopped) cancelTimer = clock.after(BEAT_MS, () => void beatAndPlan(onBeat))
  }

  async function firstBeat(): Promise<void> {
    for (const until = clock.now() + START_PATIENCE_MS; ; ) {
      try {
        return await beat()
      } catch (error) {
        const isAway = error instanceof TaskyardError && error.code === 'store_unavailable'
        if (!isAway || stopped || clock.now() >= until) throw error
        troubles.failed('presence', error)
        await new Promise<void>((resolve) => clock.after(BEAT_MS, resolve))
      }
    }
  }

  function farewell(): Promise<void> {
    return store.presence.beat({ nodeId, workerIds: [], ttlMs: 0 }).catch((error) => troubles.failed('presence', error))
  }

  return {
    async start(onBeat) {
      await firstBeat()
      troubles.worked('presence')
      plan(onBeat)
    },
    async stop() {
      if (stopped) return
      stopped = true
      cancelTimer()
      let cancelPatience = () => {}
      const patience = new Promise<void>((resolve) => {
        cancelPatience = clock.after(FAREWELL_MS, resolve)
      })
      // After one under way, which would bring this process back to life.
      const sent = Promise.resolve(underWay)
        .catch(() => {})
        .then(farewell)
      await Promise.race([sent, patience])
      cancelPatience()
    },
    beat,
    isTrusted() {
      const now = timeOfDay()
      return now - lastAt <= GAP_MS && now - unbrokenSince >= TTL_MS
    },
  }
}
