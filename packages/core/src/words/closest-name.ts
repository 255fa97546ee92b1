/** Longer ones are not compared: what comes from outside may be as long as a body, and there may be many names. */
const MAX_LENGTH = 64
const MAX_NAMES = 500

/** The name most like `wanted`, or `null` when none is near enough to be what was meant. */
export function closestName(wanted: string, names: readonly string[]): string | null {
  if (wanted.length > MAX_LENGTH) return null
  const word = wanted.toLowerCase()
  let most = Math.max(2, Math.floor(wanted.length / 4))
  let best: string | null = null
  for (const name of names.slice(0, MAX_NAMES)) {
    if (Math.abs(name.length - wanted.length) > most) continue
    const distance = editDistance(word, name.toLowerCase(), most)
    if (distance > most) continue
    best = name
    // Of two that are as near, the first.
    most = distance - 1
  }
  return best
}

/**
 * Insertions, deletions and replacements from one word to the other (V. Levenshtein, 1966), row by row; some number above `most`
 * as soon as it is more than that.
 */
function editDistance(from: string, to: string, most: number): number {
  let row = new Uint16Array(to.length + 1).map((_, column) => column)
  let next = new Uint16Array(to.length + 1)
  for (let i = 1; i <= from.length; i++) {
    next[0] = i
    let least = i
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] as number) + (from.charCodeAt(i - 1) === to.charCodeAt(j - 1) ? 0 : 1)
      const distance = Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1)
      next[j] = distance
      least = Math.min(least, distance)
    }
    if (least > most) return least
    ;[row, next] = [next, row]
  }
  return row[to.length] as number
}
