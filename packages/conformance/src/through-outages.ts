import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { TaskyardError } from '@taskyard/core'
import { within } from './real-time.ts'

/** A call on a connection that hangs may take ten seconds; the rest is for a slow machine. */
export const LONGEST_CALL_MS = 15_000

/** How soon everything works again after the server's return, with nobody touching it. */
export const BACK_WITHIN_MS = 5_000

const LONGEST_OUTAGE_MS = 30_000

/** Repeats a call, as a caller does, until it gets through. Every try ends in time, and fails only as an outage. */
export async function throughOutages<Reply>(what: string, call: () => Promise<Reply>): Promise<Reply> {
  const giveUpAt = performance.now() + LONGEST_OUTAGE_MS
  for (;;) {
    try {
      return await within(LONGEST_CALL_MS, what, call())
    } catch (error) {
      if (!isOutage(error) || performance.now() > giveUpAt) throw error
      await delay(20)
    }
  }
}

/** The call must say in time that the store cannot serve. */
export async function isUnavailable(what: string, call: Promise<unknown>): Promise<void> {
  await assert.rejects(within(LONGEST_CALL_MS, what, call), isOutage, what)
}

/** Whether a call was refused because the store cannot be reached: `store_unavailable`. */
export function isOutage(error: unknown): boolean {
  return error instanceof TaskyardError && error.code === 'store_unavailable'
}
