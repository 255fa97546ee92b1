export interface Turns {
  /** Runs when nothing of this key is under way any more; at once for `null`. */
  take<Reply>(key: string | null, run: () => Promise<Reply>): Promise<Reply>
}

/** Calls of the same key run one after the other. Each must end by itself, or those behind it wait for ever. */
export function createTurns(): Turns {
  const last = new Map<string, Promise<unknown>>()
  return {
    take(key, run) {
      if (key === null) return run()
      const before = last.get(key)
      const mine = before === undefined ? run() : before.then(run, run)
      last.set(key, mine)
      const leave = () => {
        if (last.get(key) === mine) last.delete(key)
      }
      mine.then(leave, leave)
      return mine
    },
  }
}
