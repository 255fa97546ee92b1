const MOST_CHARACTERS = 200

/** The beginning of a text in one line, fit to be shown. */
export function excerpt(text: string): string {
  const line = text
    .slice(0, 4 * MOST_CHARACTERS)
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
  return line.length > MOST_CHARACTERS ? `${line.slice(0, MOST_CHARACTERS)}…` : line
}
