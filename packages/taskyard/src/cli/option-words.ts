import { meantName } from '@taskyard/core'

/** Fields of the API, and the options by which the command line says them. */
const OPTIONS: Readonly<Record<string, string>> = {
  maxAttempts: '--max-attempts',
  delaySeconds: '--delay',
  runAt: '--run-at',
  timeoutSeconds: '--timeout',
  tags: '--tag',
  idempotencyKey: '--key',
}

/** A complaint of the parser about an option that it does not know, with the one that was probably meant. */
export function withOptionMeant(message: string, known: readonly string[]): string {
  const [complaint, word = ''] = /.*unknown option '--([\w-]+).*/.exec(message) ?? []
  if (complaint === undefined) return message
  const fields = Object.keys(OPTIONS).filter((field) => known.includes(OPTIONS[field] as string))
  const meant = meantName(word, fields)
  return meant === null ? message : `${complaint}\n(Did you mean ${OPTIONS[meant.name]}?)\n`
}

/** An option whose value is the next word. */
const WITH_VALUE = /^(?!--(json|help|wait)$|-[hw]$)(--[\w-]+|-[a-z])$/
const SECONDS = /^\d*\.?\d+ *[smhd]?$/

/**
 * The command line with `--wait` behind what is no time: in `submit --wait email` the option would take the type for its
 * value. One option, as people write it with a time or without.
 */
export function withWaitLast(commandLine: readonly string[]): readonly string[] {
  const end = commandLine.includes('--') ? commandLine.indexOf('--') : commandLine.length
  const isValue = (index: number) => WITH_VALUE.test(commandLine[index - 1] ?? '')
  const at = commandLine.findIndex(
    (word, index) => index < end - 1 && (word === '--wait' || word === '-w') && !isValue(index),
  )
  if (at === -1 || SECONDS.test(commandLine[at + 1] as string)) return commandLine
  const words = commandLine.toSpliced(at, 1)
  return words.toSpliced(end - 1, 0, '--wait')
}
