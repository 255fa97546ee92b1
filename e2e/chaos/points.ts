/** Moments at which something can be killed, seen from outside it. */
export type Point =
  | 'submit-sent'
  | 'submit-answered'
  | 'claim-answered'
  | 'handler-started'
  | 'heartbeat-sent'
  | 'settle-sent'
  | 'settle-answered'
  | 'start-up'
  | 'first-start'
  | 'drain'
  | 'random'

/** Whose call it is, and with which server; `null`: nobody's in particular. */
export interface Party {
  readonly worker: string | null
  readonly server: string | null
}

export interface Points {
  /** Something reached the point; whoever waits for it acts before this returns. */
  reach(point: Point, party: Party): void
  /**
   * Resolves with true when the point is reached next (by that worker, if one is named), `act` having been called in
   * that very moment; with false when it is not reached within the time.
   */
  await(point: Point, worker: string | null, withinMs: number, act: (party: Party) => void): Promise<boolean>
}

interface Waiter {
  readonly point: Point
  readonly worker: string | null
  act(party: Party): void
}

export function createPoints(): Points {
  const waiters = new Set<Waiter>()
  return {
    reach(point, party) {
      for (const waiter of waiters) {
        if (waiter.point === point && (waiter.worker === null || waiter.worker === party.worker)) waiter.act(party)
      }
    },
    await: (point, worker, withinMs, act) =>
      new Promise((resolve) => {
        const end = (reached: boolean) => {
          clearTimeout(timer)
          waiters.delete(waiter)
          resolve(reached)
        }
        const waiter: Waiter = {
          point,
          worker,
          act(party) {
            act(party)
            end(true)
          },
        }
        const timer = setTimeout(() => end(false), withinMs)
        waiters.add(waiter)
      }),
  }
}
