import { type Clock, type LeaseHolder, type PresencePort, type WorkerKey, workerKey } from '@taskyard/core'
import type { Presence } from './presence.ts'

/** What the store says of those who hold leases. */
export interface HoldersAnswer {
  readonly holders: readonly LeaseHolder[]
  /** When it was asked, ms: it may say what was true then, or anything until now. */
  readonly askedAt: number
  /** Rises with each question of this process; answers may come in another order. */
  readonly question: number
}

export type AskHolders = () => Promise<HoldersAnswer>

/** Numbers the questions, so that an answer that comes late can be told from a newer one. */
export function createAskHolders(presence: PresencePort, clock: Clock): AskHolders {
  let questions = 0
  return async () => {
    questions += 1
    const asked = { askedAt: clock.now(), question: questions }
    return { ...asked, holders: await presence.holders({ namespace: null }) }
  }
}

/** `null`: nobody can be judged by what the store says yet. */
export type AskWhenTrusted = () => Promise<HoldersAnswer | null>

/** @param presence `null`: no other process uses the store, so its answers can always be trusted */
export function createAskWhenTrusted(askHolders: AskHolders, presence: Presence | null): AskWhenTrusted {
  return async () => {
    // Our own beat must not be the one that still names them.
    await presence?.beat()
    if (presence?.isTrusted() === false) return null
    const answer = await askHolders()
    return presence?.isTrusted() === false ? null : answer
  }
}

/** The keys of workers that some process of the store has: connected to it, or inside it. */
export function aliveWorkers(holders: readonly LeaseHolder[]): ReadonlySet<WorkerKey> {
  return new Set(holders.filter(({ alive }) => alive).map(workerKey))
}
