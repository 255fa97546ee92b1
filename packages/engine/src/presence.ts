import { type Claimers, TaskyardError, type WorkerName } from '@taskyard/core'
import { createBeatNotes } from './beat-notes.ts'
import { Beats, TTL_MS } from './beats.ts'
import type { EngineContext } from './engine-context.ts'
import { LOOPS } from './loops.ts'

/** A server process beats this often. */
const BEAT_MS = LOOPS.presence.intervalMs
/** A store that goes away while this process starts may take so long to come back. */
const START_PATIENCE_MS = 30_000
/** The last beat may take so long; after that the time to live says the same. */
const LAST_BEAT_MS = 1000

export interface Presence {
  /**
   * Resolves with the first beat: from then on this process counts as alive. Waits for a store that is away, 30 s at most.
   * @throws TaskyardError store_unavailable
   */
  start(): Promise<void>
  /** Takes this process off at once. */
  stop(): Promise<void>
  /** Resolves when the store knows who is connected now. Calls that come together share a beat. */
  beat(): Promise<void>
  /** Whether others may be judged by their beats, as {@link Beats.areTrusted} says. */
  isTrusted(): boolean
}

export interface PresenceParams {
  readonly nodeId: string
  connectedWorkers(): readonly WorkerName[]
  /** What is asked for here now, and by whom. */
  claimers(): readonly Claimers[]
}

/** Says in the store, every second, that this server process lives, which workers it answers for, and what is asked for here. */
export function createPresence(
  context: EngineContext,
  { nodeId, connectedWorkers, claimers }: PresenceParams,
): Presence {
  const { store, clock, timeOfDay, typesAtHand } = context
  const notes = createBeatNotes(clock, claimers)
  let stopped = false
  const beats = new Beats(async () => {
    if (stopped) return
    const { params, kept } = notes.next()
    const sentAt = clock.now()
    const reply = await store.presence.beat({ nodeId, workers: connectedWorkers(), ttlMs: TTL_MS, ...params })
    kept()
    typesAtHand.hear(reply, sentAt)
  }, timeOfDay)
  const loop = context.loops.create('presence', async () => {
    await beats.beat()
    return {}
  })

  async function firstBeat(): Promise<void> {
    for (const until = clock.now() + START_PATIENCE_MS; ; ) {
      try {
        return await beats.beat()
      } catch (error) {
        const isAway = error instanceof TaskyardError && error.code === 'store_unavailable'
        if (!isAway || stopped || clock.now() >= until) throw error
        loop.failed(error)
        await new Promise<void>((resolve) => clock.after(BEAT_MS, resolve))
      }
    }
  }

  async function lastBeat(): Promise<void> {
    await store.presence.beat({ nodeId, workers: [], ttlMs: 0 }).catch((error) => loop.failed(error))
  }

  return {
    async start() {
      await firstBeat()
      loop.worked()
      loop.start(BEAT_MS)
    },
    async stop() {
      if (stopped) return
      stopped = true
      let cancelPatience = () => {}
      const patience = new Promise<void>((resolve) => {
        cancelPatience = clock.after(LAST_BEAT_MS, resolve)
      })
      // After one under way, which would bring this process back to life.
      const sent = Promise.all([loop.stop(), beats.ended()]).then(lastBeat)
      await Promise.race([sent, patience])
      cancelPatience()
    },
    beat: () => beats.beat(),
    isTrusted: () => beats.areTrusted(),
  }
}
