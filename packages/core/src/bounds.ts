/** Whether a value of any type is a whole number within bounds, both inclusive. */
export function isIntegerIn(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && isNumberIn(value, least, most)
}

/** Whether a value of any type is a number within bounds, both inclusive; `NaN` is not. */
export function isNumberIn(value: unknown, least: number, most: number): boolean {
  return typeof value === 'number' && value >= least && value <= most
}
