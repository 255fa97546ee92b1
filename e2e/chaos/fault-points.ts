/** Moments at which something can be killed or stopped, as seen from outside it. */
export type FaultPoint =
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

/** The worker whose call it is and the server it is with; `null`: none in particular. */
export interface CallParties {
  readonly worker: string | null
  readonly server: string | null
}

export interface FaultPoints {
  /** The point is reached: whoever waits for it acts before this returns. */
  reach(point: FaultPoint, parties: CallParties): void
  /**
   * Resolves with true when the point is reached next (by that worker, if one is named), `act` having been called in
   * that very moment; with false when it is not reached within the time.
   */
  await(
    point: FaultPoint,
    worker: string | null,
    withinMs: number,
    act: (parties: CallParties) => void,
  ): Promise<boolean>
}

interface Waiter {
  readonly point: FaultPoint
  readonly worker: string | null
  act(parties: CallParties): void
}

export function createFaultPoints(): FaultPoints {
  const waiters = new Set<Waiter>()
  return {
    reach(point, parties) {
      for (const waiter of waiters) {
        if (waiter.point === point && (waiter.worker === null || waiter.worker === parties.worker)) waiter.act(parties)
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
          act(parties) {
            act(parties)
            end(true)
          },
        }
        const timer = setTimeout(() => end(false), withinMs)
        waiters.add(waiter)
      }),
  }
}
