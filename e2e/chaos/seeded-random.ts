/** Uniform numbers in [0, 1) that only depend on the seed (G. Marsaglia, "Xorshift RNGs", 2003, the 32-bit triple 13, 17, 5). */
export function seededRandom(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1
  const next = () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
  for (let warmUp = 0; warmUp < 16; warmUp++) next()
  return next
}

export function pick<Item>(random: () => number, items: readonly Item[]): Item {
  return items[Math.floor(random() * items.length)] as Item
}

export function between(random: () => number, low: number, high: number): number {
  return low + random() * (high - low)
}
