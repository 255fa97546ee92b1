// Array literals, written here because they are the bulk of what is sent: these values need no quoting.

/** An array literal of finite numbers. */
export function numbers(values: readonly number[]): string {
  return `{${values.join(',')}}`
}

/** An array literal of ids, which `isTaskId` has passed: nothing is quoted. */
export function ids(values: readonly string[]): string {
  return `{${values.join(',')}}`
}

/** An empty array when every value is the default. */
export function unlessAll<Value>(
  values: readonly Value[],
  isDefault: (value: Value) => boolean,
  write: (value: Value) => string,
) {
  return values.every(isDefault) ? '{}' : `{${values.map(write).join(',')}}`
}

/** A text for an array literal. */
export function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`
}

/** Valid JSON holds no control characters besides white space, so this one divides texts of JSON. */
export function joinJson(texts: readonly string[]): string {
  return texts.join('\x1e')
}
