import type { LeaseRef, TaskStatus } from '../task.ts'
import type { WorkerRef } from './tasks.ts'

/** Which processes and workers live, and what the dead ones held. */
export interface PresencePort {
  /** A server process says that it lives, and which workers it answers for, until its next beat or the end of this one. */
  beat(params: BeatParams): Promise<BeatReply>

  /** Who holds leases now, in one namespace or in all. */
  holders(params: HoldersParams): Promise<readonly LeaseHolder[]>

  /** What workers of a namespace ask for, at each process whose beat holds, as it said last. */
  claimers(params: ClaimersParams): Promise<readonly ClaimersOfNode[]>

  /**
   * Ends the leases of these workers at once, as expired: their processes are known to be gone (`afterLeaseEnd`). Leases that
   * nobody watches (`isWatched`) stay: of them nobody can know. So do those whose worker is alive (`LeaseHolder`) now: it may have
   * come to another server since it was judged.
   */
  endLeases(params: EndLeasesParams): Promise<readonly EndedLease[]>

  /**
   * The workers of these leases, which are over, were heard of: they had not died. Where the end of one counted against its task
   * (`loneCrashes`), it does so no longer; `crashes` stays. Leases of which that is not so change nothing, nor does a repetition.
   */
  takeBackCrashes(params: TakeBackCrashesParams): Promise<void>
}

/** A worker. Another one of the same id in another namespace has nothing to do with it. */
export interface WorkerName {
  readonly namespace: string
  readonly workerId: string
}

export interface BeatParams {
  /** Unique per start of a process. */
  readonly nodeId: string
  /** Workers that live in the process, or keep a session open with it. Replaces those of the beat before. */
  readonly workers: readonly WorkerName[]
  /** How long the beat holds; 0 takes the process off at once. */
  readonly ttlMs: number
  /** What is asked for at the process, bounded by whoever beats. Left out: as it said last. */
  readonly claimers?: readonly Claimers[]
}

export interface BeatReply {
  /**
   * Whether types may have defaults now, in any namespace, as the store sees it when it is asked. `false`: none has, whoever would
   * have declared it.
   */
  readonly anyDefaults: boolean
  /**
   * Another number than before where defaults were declared since, in any namespace and by any process. Some declarations may go
   * by without: those of a server of the version before, and one that a process has died over.
   */
  readonly declarations: number
}

/** Workers of one namespace that ask for the same tasks. */
export interface Claimers {
  readonly namespace: string
  /** `null`: every queue. */
  readonly queues: readonly string[] | null
  /** `null`: every type. */
  readonly types: readonly string[] | null
  /** They ask for more than is said here: it was too much. */
  readonly isPart: boolean
  readonly workers: readonly Claimer[]
}

/** A worker that claims, or keeps a session. */
export interface Claimer {
  readonly workerId: string
  /** How long ago it asked last; 0 while it waits for tasks, or keeps a session. */
  readonly seenAgoMs: number
  /** Tasks that it runs at a time; `null`: it does not say. */
  readonly concurrency: number | null
  /** It keeps a session open with the process. */
  readonly connected: boolean
  /** Its death would be noticed: it lives in a server process, or claims with a session. */
  readonly watched: boolean
  /** It lives in the process. */
  readonly embedded: boolean
}

export interface HoldersParams {
  /** `null`: all of them. */
  readonly namespace: string | null
}

export interface ClaimersParams {
  readonly namespace: string
}

/** As a process said it; the times are as of now. */
export interface ClaimersOfNode extends Claimers {
  readonly nodeId: string
}

/** A worker in one process, or in none. Its `session` is `true` when any of these leases has one. */
export interface LeaseHolder extends WorkerRef, WorkerName {
  /** A server process whose beat holds is the worker's own node, or names the worker. */
  readonly alive: boolean
  readonly leases: number
  /**
   * When the first and the last of these leases expire, ms, whatever else would end them before. Of a lease whose task's
   * deadline comes first, a store may say another time, as long as an extension moves that too.
   */
  readonly firstEnd: number
  readonly lastEnd: number
}

export interface EndLeasesParams {
  readonly workers: readonly WorkerName[]
}

export interface TakeBackCrashesParams {
  readonly namespace: string
  readonly leases: readonly LeaseRef[]
}

/** A lease that ended without its worker's word. */
export interface EndedLease extends LeaseRef {
  readonly reason: 'expired' | 'timeout' | 'cancelled'
  readonly namespace: string
  readonly queue: string
  readonly type: string
  readonly workerId: string
  readonly taskStatus: TaskStatus
}
