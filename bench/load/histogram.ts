/**
 * Latencies in buckets of 1/32 of their power of two, so a quantile is right to about 3 %, in constant memory and
 * without a sort. Microseconds.
 */
export class Histogram {
  readonly #counts = new Float64Array(64 * 32)
  #total = 0
  #max = 0

  add(microseconds: number): void {
    const value = Math.max(1, Math.round(microseconds))
    const exponent = 31 - Math.clz32(value)
    const part = exponent < 5 ? (value << (5 - exponent)) & 31 : (value >>> (exponent - 5)) & 31
    const bucket = exponent * 32 + part
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1
    this.#total += 1
    if (value > this.#max) this.#max = value
  }

  get count(): number {
    return this.#total
  }

  get max(): number {
    return this.#max
  }

  /** The upper edge of the bucket that holds the quantile. */
  quantile(share: number): number {
    const wanted = Math.ceil(this.#total * share)
    let seen = 0
    for (const [bucket, count] of this.#counts.entries()) {
      seen += count
      if (seen >= wanted && seen > 0) {
        const [exponent, part] = [Math.floor(bucket / 32), bucket % 32]
        return Math.min(this.#max, (2 ** exponent * (32 + part + 1)) / 32)
      }
    }
    return 0
  }
}
