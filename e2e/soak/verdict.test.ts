import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { growths, isBounded, type Sample } from './verdict.ts'

const MEBIBYTE = 1024 * 1024
const LEVEL: Sample = {
  residentBytes: 200 * MEBIBYTE,
  openFiles: 40,
  storeBytes: 50 * MEBIBYTE,
  unfinished: 12,
  submitMs: 2,
}
const LEAKS: Readonly<Record<keyof Sample, number>> = {
  residentBytes: 2 * MEBIBYTE,
  openFiles: 1,
  storeBytes: MEBIBYTE,
  unfinished: 50,
  submitMs: 20,
}

describe('the verdict of a soak', () => {
  it('finds nothing where all stays level', () => {
    assert.deepEqual(
      soak(() => LEVEL).filter((growth) => !isBounded(growth)),
      [],
    )
  })

  for (const [what, step] of Object.entries(LEAKS)) {
    it(`finds ${what} that grows with every sample, and only that`, () => {
      const found = soak((n) => ({ ...LEVEL, [what]: (LEVEL[what as keyof Sample] ?? 0) + n * step }))
      assert.deepEqual(
        found.filter((growth) => !isBounded(growth)).map((growth) => growth.what),
        [what],
      )
    })
  }

  it('lets the warm-up be what it is', () => {
    const found = soak((n) => ({ ...LEVEL, residentBytes: Math.min(n, 20) * 10 * MEBIBYTE }))
    assert.ok(found.every(isBounded))
  })
})

function soak(sampleAt: (n: number) => Sample) {
  return growths(Array.from({ length: 100 }, (_, n) => sampleAt(n)))
}
