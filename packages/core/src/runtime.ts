import type { Clock } from './ports/clock.ts'
import type { IdGenerator } from './ports/id-generator.ts'
import type { Random } from './ports/random.ts'

// The one module besides the composition roots that may ask the operating system for time and randomness.

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(delayMs, 2 ** 31 - 1))
    timer.unref()
    return () => clearTimeout(timer)
  },
}

/** Of the machine; not for secrets. */
export const systemRandom: Random = () => Math.random()

/**
 * UUIDv7 per RFC 9562 §5.7 and §6.2 method 1: 48 bits of Unix milliseconds, then a 12-bit counter that starts at a
 * random value below 2048 each millisecond and keeps ids of one process strictly rising, then 62 random bits.
 */
export function createUuidV7Generator(clock: Clock): IdGenerator {
  const random = randomBytes()
  let lastMs = 0
  let counter = 0
  let prefix = ''
  return () => {
    const now = clock.now()
    if (now > lastMs) {
      lastMs = now
      counter = ((random() << 8) | random()) & 0x7ff
      prefix = timePrefix(lastMs)
    } else if (++counter > 0xfff) {
      lastMs += 1
      counter = 0
      prefix = timePrefix(lastMs)
    }
    const version = HEX[0x70 | (counter >> 8)]
    const variant = HEX[0x80 | (random() & 0x3f)]
    const hex = () => HEX[random()]
    return `${prefix}${version}${HEX[counter & 0xff]}-${variant}${hex()}-${hex()}${hex()}${hex()}${hex()}${hex()}${hex()}`
  }
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

function timePrefix(milliseconds: number): string {
  const time = milliseconds.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-`
}

/** Cryptographic randomness by the byte, fetched in blocks: one fetch per id would cost more than the id. */
function randomBytes(): () => number {
  const block = new Uint8Array(8192)
  let used = block.length
  return () => {
    if (used === block.length) {
      crypto.getRandomValues(block)
      used = 0
    }
    return block[used++] as number
  }
}

/**
 * A thread inherits Node's flags, and `--input-type` makes a thread that has a file refuse to start: with it (a program
 * given on the command line) threads start without flags. To name the others would not do, as not all of them are allowed.
 */
export function threadFlags(): { readonly execArgv?: string[] } {
  return process.execArgv.some((flag) => flag.startsWith('--input-type')) ? { execArgv: [] } : {}
}
