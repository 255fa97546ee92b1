/** The first name among `options` that means nothing, or `null`: left out in silence, a misspelled filter matches everything. */
export function unknownName<Options extends object>(
  options: Options,
  known: Readonly<Record<keyof Options, true>>,
): string | null {
  for (const name in options) if (!Object.hasOwn(known, name)) return name
  return null
}
