/** Lets somebody wait until a predicate holds; whoever changes what it looks at calls `changed()`. */
export class Condition {
  #waiting: { readonly holds: () => boolean; readonly resolve: () => void }[] = []

  changed(): void {
    if (this.#waiting.length === 0) return
    const met = this.#waiting.filter(({ holds }) => holds())
    if (met.length === 0) return
    this.#waiting = this.#waiting.filter((waiting) => !met.includes(waiting))
    for (const { resolve } of met) resolve()
  }

  until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push({ holds, resolve }))
  }
}
