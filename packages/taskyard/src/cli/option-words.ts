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

const SECONDS = /^\d*\.?\d+ *[smhd]?$/

/**
 * The command line with `--wait` behind what is no time: in `submit --wait email` the option would take the type for its
 * value.
 */
export function withWaitLast(commandLine: readonly string[]): readonly string[] {
  const end = commandLine.includes('--') ? commandLine.indexOf('--') : commandLine.length
  const at = commandLine.findIndex((word, index) => index < end - 1 && (word === '--wait' || word === '-w'))
  if (at === -1 || SECONDS.test(commandLine[at + 1] as string)) return commandLine
  const words = commandLine.toSpliced(at, 1)
  return words.toSpliced(end - 1, 0, '--wait')
}
