import type { Clock, ReadyLane, ReadyListener, WakeUpsPort } from '@taskyard/core'
import { F } from './task-records.ts'

/** After a message the next one waits this long, and takes along what has come meanwhile. */
const QUIET_MS = 2
/** The same, once this many went out within a second: then workers are busy, and ask for more by themselves. */
const BUSY_QUIET_MS = 20
const BUSY_MESSAGES = 200
/** Lanes in one message; those beyond it are found by polling. */
const LANES_PER_MESSAGE = 500

/** Who hears that tasks have become ready: listeners of this process at once, other processes by a message. */
export interface RedisWakeUps extends WakeUpsPort {
  /**
   * Tells the listeners of this process before the answer is here: what they ask for is sent right behind the script, and
   * the server goes from one to the other.
   * @param lanes names joined, '' for none
   */
  hintReady(lanes: string): void
  /**
   * @param lanes as scripts answer: names joined, '' for none
   * @param isPublished the script has sent the message
   * @param hinted what was hinted of this script
   */
  publishReady(lanes: string, isPublished?: boolean, hinted?: string): void
  /** What a script shall sign a message with, '' when it shall send none: it is too soon after the last one. */
  signature(): string
  /** A message of another process. */
  hear(message: string): void
  close(): void
}

/**
 * @param origin tells this process's messages from those of others
 * @param publish sends to the other processes; must not throw
 */
export function createRedisWakeUps(origin: string, clock: Clock, publish: (message: string) => void): RedisWakeUps {
  const listeners = new Set<ReadyListener>()
  const pending = new Set<string>()
  let cancelTimer: (() => void) | null = null
  let second = 0
  let sentInSecond = 0

  function tellListeners(lanes: readonly ReadyLane[]): void {
    for (const listener of [...listeners]) listener(lanes)
  }

  function tellOthers(): void {
    cancelTimer = null
    if (pending.size === 0) return
    publish([origin, ...[...pending].slice(0, LANES_PER_MESSAGE)].join(F))
    pending.clear()
    beQuiet()
  }

  function beQuiet(): void {
    const now = Math.floor(clock.now() / 1000)
    sentInSecond = now === second ? sentInSecond + 1 : 1
    second = now
    cancelTimer = clock.after(sentInSecond > BUSY_MESSAGES ? BUSY_QUIET_MS : QUIET_MS, tellOthers)
  }

  return {
    hintReady(text) {
      if (text !== '') tellListeners(text.split(F).map(laneOf))
    },
    publishReady(text, isPublished = false, hinted = '') {
      if (text === '') return
      const names = text.split(F)
      if (text !== hinted) tellListeners(names.map(laneOf))
      if (!isPublished) for (const lane of names) pending.add(lane)
      if (cancelTimer !== null) return
      if (isPublished) beQuiet()
      else tellOthers()
    },
    signature: () => (cancelTimer === null ? origin : ''),
    hear(message) {
      const [from, ...texts] = message.split(F)
      const names = texts.filter(areNames)
      if (from !== origin && names.length > 0) tellListeners(names.map(laneOf))
    },
    subscribe(listener) {
      // A wrapper of its own for each call: the same listener may be added twice.
      const mine: ReadyListener = (lanes) => listener(lanes)
      listeners.add(mine)
      return () => listeners.delete(mine)
    },
    close() {
      cancelTimer?.()
      listeners.clear()
    },
  }
}

/** Everybody who may publish on the server can be heard. */
function areNames(text: string): boolean {
  return /^[^\n]+\n[^\n]+\n[^\n]+$/.test(text)
}

function laneOf(names: string): ReadyLane {
  const [namespace, queue, type] = names.split('\n') as [string, string, string]
  return { namespace, queue, type }
}
