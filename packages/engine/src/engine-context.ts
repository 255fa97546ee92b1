import type { Clock, IdGenerator, NewsPort, OpenedStore, Random, Retention } from '@taskyard/core'
import type { PayloadCheck } from './engine.ts'
import type { Incidents } from './incidents.ts'
import type { TypesAtHand } from './known-types.ts'
import type { Loops } from './loops.ts'
import type { EngineObserver } from './observer.ts'
import type { PendingCalls } from './pending-calls.ts'
import type { Standstills } from './standstills.ts'
import type { TaskNews } from './task-news.ts'
import type { UsedNamespaces } from './used-namespaces.ts'

/** What the use cases and services share. */
export interface EngineContext {
  readonly store: OpenedStore
  /** Monotonic. */
  readonly clock: Clock
  readonly random: Random
  readonly ids: IdGenerator
  readonly news: NewsPort
  readonly taskNews: TaskNews
  /** Other processes may use the store too. */
  readonly shared: boolean
  /** This process does the store's housekeeping. */
  readonly sweeps: boolean
  readonly observer: EngineObserver
  readonly incidents: Incidents
  readonly loops: Loops
  readonly standstills: Standstills
  readonly pendingCalls: PendingCalls
  readonly usedNamespaces: UsedNamespaces
  readonly typesAtHand: TypesAtHand
  readonly checkPayload: PayloadCheck
  readonly retention: Retention
  readonly queueDepth: number
  readonly cancelGraceMs: number
  readonly sessionGraceMs: number
  /** Ms since the epoch. It may be set at any time: for people, and to be compared with the store's times. */
  timeOfDay(): number
  /** Resolves when the sweep that is being done has ended and its news is told; `null`: there is none. */
  sweepUnderWay(): Promise<void> | null
  wakeSweeperAt(time: number): void
  isStopping(): boolean
  /** @throws TaskyardError shutting_down */
  assertRunning(): void
}
