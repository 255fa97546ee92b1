import type { Clock } from '@taskyard/core'

/** Resolves when the work, which never rejects, is done, or after so long. */
export async function waitAtMost(clock: Clock, work: Promise<unknown>, mostMs: number): Promise<void> {
  let cancelTimer = () => {}
  const patience = new Promise<void>((resolve) => {
    cancelTimer = clock.after(mostMs, resolve)
  })
  await Promise.race([work, patience])
  cancelTimer()
}
