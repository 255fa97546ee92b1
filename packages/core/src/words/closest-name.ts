/** Longer ones are not compared: what comes from outside may be as long as a body, and there may be many names. */
const MAX_LENGTH = 64
const MAX_NAMES = 500

/** The name most like `wanted`, or `null` when none is near enough to be what was meant. */
export function closestName(wanted: string, names: readonly string[]): string | null {
  if (wanted.length > MAX_LENGTH) return null
  const most = Math.max(2, Math.floor(wanted.length / 4))
  const [best] = names
    .slice(0, MAX_NAMES)
    .filter((name) => Math.abs(name.length - wanted.length) <= most)
    .map((name) => ({ name, distance: editDistance(wanted.toLowerCase(), name.toLowerCase(), most) }))
    .filter(({ distance }) => distance <= most)
    .toSorted((a, b) => a.distance - b.distance)
  return best?.name ?? null
}

/**
 * Insertions, deletions and replacements from one word to the other (V. Levenshtein, 1966), row by row; some number above `most`
 * as soon as it is more than that.
 */
function editDistance(from: string, to: string, most: number): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] as number) + (from[i - 1] === to[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    if (Math.min(...next) > most) return most + 1
    row = next
  }
  return row[to.length] as number
}
