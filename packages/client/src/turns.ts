/** One at a time. Those that wait for their turn stand in lines, which take turns: many in one keep nobody in another. */
export class Turns {
  /** None of them is empty; the one whose turn is next comes first. */
  readonly #lines = new Map<string, Set<() => void>>()
  #isTaken = false

  /** Runs it when its turn comes; not at all when the signal aborts before. */
  async take<Result>(line: string, signal: AbortSignal, run: () => Promise<Result>): Promise<Result | undefined> {
    if (!(await this.#begins(line, signal))) return undefined
    try {
      return await run()
    } finally {
      this.#next()
    }
  }

  #begins(name: string, signal: AbortSignal): boolean | Promise<boolean> {
    if (signal.aborted) return false
    if (this.#isTaken) return this.#queued(name, signal)
    this.#isTaken = true
    return true
  }

  #queued(name: string, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const begin = () => {
        signal.removeEventListener('abort', leave)
        resolve(true)
      }
      const leave = () => {
        this.#remove(name, begin)
        resolve(false)
      }
      this.#lines.set(name, (this.#lines.get(name) ?? new Set()).add(begin))
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  #remove(name: string, begin: () => void): void {
    const line = this.#lines.get(name)
    line?.delete(begin)
    if (line?.size === 0) this.#lines.delete(name)
  }

  #next(): void {
    for (const [name, line] of this.#lines)
      for (const begin of line) {
        this.#lines.delete(name)
        line.delete(begin)
        if (line.size > 0) this.#lines.set(name, line)
        return begin()
      }
    this.#isTaken = false
  }
}
