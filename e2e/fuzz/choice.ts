import type { Random } from '@taskyard/core'

/** What a generator draws by chance, all from one seeded stream. */
export interface Choice {
  readonly random: Random
  chance(probability: number): boolean
  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number
  one<Item>(items: readonly Item[]): Item
}

export function createChoice(random: Random): Choice {
  const between = (least: number, most: number) => least + Math.floor(random() * (most - least + 1))
  return {
    random,
    chance: (probability) => random() < probability,
    between,
    one: (items) => items[between(0, items.length - 1)] as (typeof items)[number],
  }
}
