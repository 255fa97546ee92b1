import type { Clock } from './ports/clock.ts'
import type { IdGenerator } from './ports/id-generator.ts'
import type { Random } from './ports/random.ts'

// The one module besides the composition roots that may ask the operating system for time and randomness.

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(delayMs, 2 ** 31 - 1))
    timer.unref()
    return () => clearTimeout(timer)
  },
}

export const systemRandom: Random = () => Math.random()

/**
 * UUIDv7 per RFC 9562 §5.7 and §6.2 method 1: 48 bits of Unix milliseconds, then a 12-bit counter that starts at a
 * random value below 2048 each millisecond and keeps ids of one process strictly rising, then 62 random bits.
 */
export function createUuidV7Generator(clock: Clock): IdGenerator {
  const random = new RandomBytes()
  let lastMs = 0
  let counter = 0
  return () => {
    const now = clock.now()
    if (now > lastMs) {
      lastMs = now
      counter = random.uint32() & 0x7ff
    } else if (++counter > 0xfff) {
      lastMs += 1
      counter = 0
    }
    const time = lastMs.toString(16).padStart(12, '0')
    const tail = hex8(random.uint32()) + hex8(random.uint32())
    const variant = ((Number.parseInt(tail[0] as string, 16) & 0x3) | 0x8).toString(16)
    const sequence = counter.toString(16).padStart(3, '0')
    return `${time.slice(0, 8)}-${time.slice(8)}-7${sequence}-${variant}${tail.slice(1, 4)}-${tail.slice(4)}`
  }
}

/** Cryptographic randomness, fetched in blocks: one fetch per id would cost more than the id. */
class RandomBytes {
  readonly #block = new Uint32Array(1024)
  #used = 1024

  uint32(): number {
    if (this.#used === this.#block.length) {
      crypto.getRandomValues(this.#block)
      this.#used = 0
    }
    return this.#block[this.#used++] as number
  }
}

function hex8(value: number): string {
  return value.toString(16).padStart(8, '0')
}
