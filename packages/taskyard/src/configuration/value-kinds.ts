import { isName, isQueueOfClaim, nameRule } from '@taskyard/core'
import { isAddressRange, isMailbox } from '@taskyard/tasks/settings'

/** How the text of a variable becomes its value. `parse` answers `undefined` to what it does not accept. */
export interface ValueKind<Value> {
  /** What is accepted, to follow "expected". */
  readonly expected: string
  /** Set to nothing is wrong, and not as if it were unset: what it names got lost on the way. */
  readonly refusesEmpty?: true
  parse(text: string): Value | undefined
  /** What is wrong with a text that is not accepted, where it can be guessed. */
  mistake?(text: string): string | null
}

/** How an error goes on that shows a value: what was expected, and what may have been meant. */
export function expectation(kind: Pick<ValueKind<unknown>, 'expected' | 'mistake'>, text: string): string {
  const mistake = kind.mistake?.(text) ?? null
  return `expected ${kind.expected}${mistake === null ? '' : `: ${mistake}`}`
}

export const ROLES = ['api', 'worker', 'scheduler'] as const

/** Digits alone, within bounds, both inclusive. */
export function integer(minimum: number, maximum: number): ValueKind<number> {
  return {
    expected: `a whole number from ${minimum} to ${maximum}`,
    parse: (text) => (/^\d+$/.test(text) ? within(Number(text), minimum, maximum) : undefined),
  }
}

/** Digits, with or without a fraction after a point, within bounds, both inclusive. */
export function decimal(minimum: number, maximum: number): ValueKind<number> {
  return {
    expected: `a number from ${minimum} to ${maximum}`,
    parse: (text) => (/^\d+(\.\d+)?$/.test(text) ? within(Number(text), minimum, maximum) : undefined),
  }
}

export const flag: ValueKind<boolean> = {
  expected: '1 or 0 (true or false)',
  parse: (text) => FLAGS.get(text.toLowerCase()),
}

const FLAGS = new Map([
  ['1', true],
  ['true', true],
  ['0', false],
  ['false', false],
])

/** None, all, or some addresses. */
export const privateAddresses: ValueKind<boolean | readonly string[]> = {
  expected: '1, 0, or comma-separated addresses and CIDRs, such as 10.0.0.0/8,192.168.1.7',
  parse(text) {
    const addresses = splitList(text)
    const areRanges = addresses.length > 0 && addresses.every(isAddressRange)
    return FLAGS.get(text.toLowerCase()) ?? (areRanges ? addresses : undefined)
  },
  mistake(text) {
    const wrong = splitList(text).filter((address) => !isAddressRange(address))
    return wrong.length === 0 ? null : `${wrong.join(', ')} is none`
  },
}

/** Exactly one of the words, in their case. */
export function oneOf<const Word extends string>(words: readonly Word[]): ValueKind<Word> {
  return { expected: `one of ${words.join(', ')}`, parse: (text) => words.find((word) => word === text) }
}

/** At least one of the words, separated by commas; the value has each once, in the order of `words`. */
export function listOf<const Word extends string>(words: readonly Word[]): ValueKind<readonly Word[]> {
  return {
    expected: `a comma-separated choice of ${words.join(', ')}`,
    parse(text) {
      const chosen = splitList(text)
      const known = words.filter((word) => chosen.includes(word))
      return chosen.length > 0 && chosen.every((word) => words.includes(word as Word)) ? known : undefined
    },
  }
}

export const queueNames: ValueKind<readonly string[]> = {
  expected: `* for every queue, or comma-separated queues; ${nameRule('queue')}`,
  parse: (text) => listOfWhat(text, isQueueOfClaim),
}

export const namespaceNames: ValueKind<readonly string[]> = {
  expected: `comma-separated namespaces; ${nameRule('namespace')}`,
  parse: (text) => listOfWhat(text, isName),
}

function listOfWhat(text: string, isOne: (name: string) => boolean): readonly string[] | undefined {
  const names = splitList(text)
  return names.length > 0 && names.every(isOne) ? names : undefined
}

export const namespaceName: ValueKind<string> = {
  expected: `one namespace; ${nameRule('namespace')}`,
  refusesEmpty: true,
  parse: (text) => (isName(text) ? text : undefined),
}

export const hostName: ValueKind<string> = {
  expected: 'a host name or address to listen on, such as 127.0.0.1 or 0.0.0.0',
  parse: (text) => (/^[A-Za-z0-9._:%-]+$/.test(text) ? text : undefined),
}

/** Names as they come in the header Host; compared in lower case. */
export const hostNames: ValueKind<readonly string[]> = {
  expected: 'comma-separated host names without ports, such as tasks.example.com',
  parse(text) {
    const names = splitList(text).map((name) => name.toLowerCase())
    return names.length > 0 && names.every((name) => /^([a-z0-9._-]+|\[[0-9a-f:.]+\])$/.test(name)) ? names : undefined
  },
}

/** @param protocols those that are accepted, with their colon, such as `https:` */
export function url(...protocols: readonly string[]): ValueKind<string> {
  const starts = protocols.map((protocol) => `${protocol}//`)
  const startsRight = (text: string) => starts.some((start) => text.toLowerCase().startsWith(start))
  return {
    expected: `a URL that starts with ${starts.join(' or ')}`,
    parse: (text) => (startsRight(text) && isWellFormed(text) ? text : undefined),
    mistake: (text) =>
      startsRight(text)
        ? 'what follows cannot be read: a host has to come, a port is a number up to 65535, and in user and password % is %25, / is %2F, : is %3A and @ is %40'
        : null,
  }
}

function isWellFormed(text: string): boolean {
  try {
    const { hostname, username, password } = new URL(text)
    decodeURIComponent(username + password)
    return hostname !== ''
  } catch {
    return false
  }
}

export const mailbox: ValueKind<string> = {
  expected: 'an address such as noreply@example.com or "Taskyard <noreply@example.com>"',
  parse: (text) => (isMailbox(text) ? text : undefined),
}

function within(value: number, minimum: number, maximum: number): number | undefined {
  return value >= minimum && value <= maximum ? value : undefined
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}
