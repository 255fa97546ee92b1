import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Histogram } from '../load/histogram.ts'

describe('the latency histogram', () => {
  it('gives quantiles that are right to 4 percent', () => {
    const histogram = new Histogram()
    for (let microseconds = 1; microseconds <= 100_000; microseconds++) histogram.add(microseconds)
    for (const share of [0.01, 0.5, 0.99, 0.999]) {
      const wanted = share * 100_000
      assert.ok(Math.abs(histogram.quantile(share) / wanted - 1) < 0.04, `${share}: ${histogram.quantile(share)}`)
    }
  })

  it('keeps the maximum exact and no quantile above it', () => {
    const histogram = new Histogram()
    for (const value of [3, 1_000_003]) histogram.add(value)
    assert.equal(histogram.max, 1_000_003)
    assert.equal(histogram.quantile(1), 1_000_003)
  })

  it('counts what is below a microsecond as one', () => {
    const histogram = new Histogram()
    histogram.add(0.2)
    assert.equal(histogram.count, 1)
    assert.equal(histogram.quantile(0.5), 1)
  })
})
