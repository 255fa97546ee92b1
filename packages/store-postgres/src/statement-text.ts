const CALL = /^SELECT [^@]* FROM @\w+\([^@]*\)$/

/**
 * Gives names under which calls of our functions are prepared: they take longer to read than to plan, and are planned
 * alike for all values. Other statements have none.
 */
export function statementNamer(): (text: string) => string | null {
  const known = new Map<string, string>()
  return (text) => {
    let name = known.get(text) ?? null
    if (name === null && CALL.test(text)) {
      name = `taskyard_${known.size}`
      known.set(text, name)
    }
    return name
  }
}

/** More texts than there are operations: some name slots of time, which come and go. */
const FILLED_KEPT = 1000

/** `fillSchema` for one schema, quick with texts that come again. */
export function schemaFiller(schema: string): (text: string) => string {
  const known = new Map<string, string>()
  return (text) => {
    let filled = known.get(text)
    if (filled === undefined) {
      filled = fillSchema(text, schema)
      if (known.size === FILLED_KEPT) known.clear()
      known.set(text, filled)
    }
    return filled
  }
}

/** `@` before a name stands for the schema. */
export function fillSchema(text: string, schema: string): string {
  return text.replace(/@(?=[a-z_])/g, `"${schema}".`)
}
