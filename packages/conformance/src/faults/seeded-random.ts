import type { Random } from '@taskyard/core'

/** A repeatable sequence: a 32-bit linear congruential generator (Numerical Recipes, §7.1), good enough to place faults. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
