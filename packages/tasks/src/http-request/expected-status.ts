/** A status code, a class such as `2xx`, a range such as `200-204`, or a list of these. */
export type ExpectedStatus = number | string | readonly (number | string)[]

/** Whether any of the codes, classes and ranges covers this status. */
export function isExpected(status: number, expected: ExpectedStatus): boolean {
  return [expected].flat().some((one) => matches(status, one))
}

function matches(status: number, expected: number | string): boolean {
  if (typeof expected === 'number') return status === expected
  if (expected.endsWith('xx')) return Math.floor(status / 100) === Number(expected[0])
  const [first, last = first] = expected.split('-').map(Number)
  return status >= (first as number) && status <= (last as number)
}
