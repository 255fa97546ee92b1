import type { Backoff } from '@taskyard/core'
import fc from 'fast-check'

/** Uniform in [0, 1), the ends of the interval included often. */
export const jitters = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

/** Every backoff that a submission may ask for, and then some. */
export const backoffs: fc.Arbitrary<Backoff> = fc.record({
  kind: fc.constantFrom('exponential', 'linear', 'fixed'),
  baseSeconds: fc.double({ min: 0, max: 86_400, noNaN: true }),
  factor: fc.double({ min: 0, max: 100, noNaN: true }),
  maxSeconds: fc.double({ min: 0, max: 366 * 86_400, noNaN: true }),
})
