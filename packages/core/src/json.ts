declare const jsonText: unique symbol

/**
 * A string that holds one valid JSON value. Payloads, results and progress travel through Taskyard in this form, so
 * that they come back exactly as sent (long numbers included) and are parsed only by the code that looks inside.
 */
export type JsonText = string & { readonly [jsonText]: true }

/** Any value JSON can express. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue }

/**
 * The JSON text of a value; `undefined` becomes `null`.
 * @throws TypeError when the value has no JSON form (a cycle, a BigInt, a function)
 */
export function toJsonText(value: unknown): JsonText {
  const text = JSON.stringify(value === undefined ? null : value)
  if (text === undefined) throw new TypeError(`a ${typeof value} has no JSON form`)
  return text as JsonText
}

/** The value of a JSON text. */
export function fromJsonText(text: JsonText): unknown {
  return JSON.parse(text)
}
