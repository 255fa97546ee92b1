import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '@taskyard/core/runtime'
import type { TestBedSetting } from './open-test-bed.ts'
import type { SimulatedClock } from './simulated-clock.ts'

/** Time as the machine has it, or wrong by `offsetMs`. To advance it is to wait. */
export function realClock(offsetMs = 0): SimulatedClock {
  return {
    now: () => systemClock.now() + offsetMs,
    after: (delayMs, callback) => systemClock.after(delayMs, callback),
    advance: (ms) => delay(ms),
  }
}

/** As in production: the server's own time. */
export const inRealTime = (): TestBedSetting => ({ clock: realClock(), time: 'server' })

/** The same on a server that the test may stop. */
export const onOwnServer = (): TestBedSetting => ({ ...inRealTime(), ownServer: true })

/** Waits for a condition, asking again and again; `check` throws or answers `false` until it holds. */
export async function eventually(
  what: string,
  withinMs: number,
  check: () => Promise<boolean> | boolean,
): Promise<void> {
  const giveUpAt = performance.now() + withinMs
  for (;;) {
    const [held, trouble] = await Promise.resolve()
      .then(check)
      .then((yes) => [yes, null] as const)
      .catch((error: unknown) => [false, error] as const)
    if (held) return
    if (performance.now() > giveUpAt) throw new Error(`not within ${withinMs} ms: ${what}`, { cause: trouble })
    await delay(20)
  }
}

/** The outcome of a call that must come to one in time, whatever it is: nothing may hang. */
export async function within<Reply>(withinMs: number, what: string, call: Promise<Reply>): Promise<Reply> {
  const timer = new AbortController()
  const late = delay(withinMs, undefined, timer).then(() => {
    throw new Error(`no answer within ${withinMs} ms: ${what}`)
  })
  try {
    return await Promise.race([call, late])
  } finally {
    timer.abort()
    await late.catch(() => {})
  }
}
