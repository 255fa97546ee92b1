/**
 * Parses JSON so that `JSON.stringify` writes it back with every number as it was: numbers that JavaScript cannot hold
 * (long integers, many decimals) become raw JSON (ECMAScript proposal "JSON.parse source text access").
 * @throws SyntaxError
 */
export function parseExactJson(text: string): unknown {
  return JSON.parse(text, keepNumberSource as Parameters<typeof JSON.parse>[1])
}

/** A text without the byte order mark that editors on Windows put before it, which no JSON begins with (RFC 8259 §8.1). */
export function withoutMark(text: string): string {
  return text.startsWith('\ufeff') ? text.slice(1) : text
}

function keepNumberSource(_key: string, value: unknown, context: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || context.source === undefined || String(value) === context.source) return value
  return rawJson(context.source)
}

const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON
