import { type Clock, monotonicClock } from '@taskyard/core'
import type { LeaseBoard } from './lease-board.ts'

/** The main thread ticks this often. */
export const TICK_MS = 1000
/** Without one for so long it is blocked: a handler does not give it back. */
const BLOCKED_AFTER_MS = 1500
const LOOK_MS = 500

/** Counts the main thread's ticks on the board, for as long as its event loop turns. The returned function ends it. */
export function startMainThreadTicks(board: LeaseBoard, clock: Clock): () => void {
  let callOff = clock.after(TICK_MS, tick)
  function tick() {
    board.tick()
    callOff = clock.after(TICK_MS, tick)
  }
  return () => callOff()
}

/** In the heartbeat thread: tells when the main thread is blocked, and when it is no longer. The returned function ends it. */
export function watchMainThread(board: LeaseBoard, clock: Clock, onChange: (isBlocked: boolean) => void): () => void {
  const { now } = monotonicClock(clock)
  let ticks = board.ticks()
  let changedAt = now()
  let isBlocked = false
  let callOff = clock.after(LOOK_MS, look)
  function look() {
    callOff = clock.after(LOOK_MS, look)
    if (board.ticks() !== ticks) {
      ticks = board.ticks()
      changedAt = now()
    }
    const isSilent = now() - changedAt >= BLOCKED_AFTER_MS
    if (isSilent === isBlocked) return
    isBlocked = isSilent
    onChange(isBlocked)
  }
  return () => callOff()
}
