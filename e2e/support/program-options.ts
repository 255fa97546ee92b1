import { type ParseArgsConfig, parseArgs } from 'node:util'

/** `parseArgs` for programs that people start: what it does not know is told with the usage, and ends the program with 2. */
export function programOptions<const Config extends ParseArgsConfig>(usage: string, config: Config) {
  try {
    return parseArgs(config)
  } catch (error) {
    const { code, message } = error as Error & { code?: string }
    if (!code?.startsWith('ERR_PARSE_ARGS')) throw error
    process.stderr.write(`${message}\n${usage}\n`)
    process.exit(2)
  }
}
