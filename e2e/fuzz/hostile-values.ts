import { FRAGMENTS, JSON_TEXTS } from '@taskyard/conformance'
import type { Choice } from './choice.ts'
import { isObject } from './knowledge.ts'
import { RawJson } from './raw-json.ts'

/** Makes values that have nothing to do with any schema. */
export function createHostileValues({ between, one }: Choice): { hostile: () => unknown; hostileText: () => string } {
  function hostileText(): string {
    switch (between(0, 9)) {
      case 0:
        return ''
      case 1:
        return 'x'.repeat(one([127, 128, 129, 255, 256, 257, 5000, 70_000]))
      case 2:
        return `a${one(['\0', '\ud800', '\udfff', '\udc00\ud800'])}b`
      case 3:
        return one(['😀', 'é', '€']).repeat(one([64, 128, 129, 4097, 5462]))
      case 4:
        return one(HOSTILE_TIMES)
      default:
        return one(FRAGMENTS)
    }
  }

  function hostile(): unknown {
    switch (between(0, 7)) {
      case 0:
        return one([null, true, false, [], {}, [[]], [null], { a: {} }, ''])
      case 1:
        return new RawJson(one(HOSTILE_NUMBERS))
      case 2:
        return one([0, -1, 1.5, 2 ** 31, 2 ** 53, -(2 ** 53), 1e21, 1e-7, Number.MAX_VALUE])
      case 3:
        return new RawJson(one(JSON_TEXTS))
      case 4:
        return new RawJson('['.repeat(one([3, 60, 64, 65, 5000])) + ']'.repeat(one([3, 60, 64, 65, 5000])))
      case 5:
        return Object.fromEntries([[one(HOSTILE_NAMES), hostileText()]])
      default:
        return hostileText()
    }
  }

  return { hostile, hostileText }
}

/** Changes a few places of a value. */
export function createCorruption(
  hostile: () => unknown,
  { between, chance, one }: Choice,
): (value: unknown) => unknown {
  function corrupted(value: unknown): unknown {
    let changed = value
    for (let changes = between(1, 3); changes > 0; changes--) changed = changedOnce(changed)
    return changed
  }

  /** One place of the value, found by chance on the way down. */
  function changedOnce(value: unknown): unknown {
    if (Array.isArray(value) && value.length > 0 && chance(0.8)) {
      const at = between(0, value.length - 1)
      if (chance(0.1)) return [...value, ...value]
      if (chance(0.05)) return Array.from({ length: 1001 }, () => value[at])
      return value.with(at, changedOnce(value[at]))
    }
    if (isObject(value) && Object.keys(value).length > 0 && chance(0.9)) {
      const name = one(Object.keys(value))
      const { [name]: member, ...others } = value
      if (chance(0.15)) return others
      if (chance(0.15)) return { ...value, [one(HOSTILE_NAMES)]: hostile() }
      return { ...value, [name]: changedOnce(member) }
    }
    return hostile()
  }

  return corrupted
}

const HOSTILE_TIMES = [
  ...[
    '1969-12-31T23:59:59Z',
    '0000-01-01T00:00:00Z',
    '9999-12-31T23:59:60Z',
    '9999-12-31T23:59:59.999Z',
    '2030-02-30T00:00:00Z',
  ],
  ...['+275760-09-13T00:00:00Z', '2030-01-01T00:00:00+23:59', '2030-01-01t00:00:00z', '2030-01-01', '10', '-1'],
]
const HOSTILE_NUMBERS = [
  '1e400',
  '-1e400',
  '-0',
  '12345678901234567890',
  '1E-400',
  '0.00000000000000001',
  '2147483648',
  '1e300',
]
const HOSTILE_NAMES = [
  '__proto__',
  'constructor',
  'toString',
  '',
  'a/b~c',
  '$set',
  '\0',
  'length',
  'x'.repeat(300),
  '😀',
  'id',
]
