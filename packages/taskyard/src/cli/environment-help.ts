import { ENVIRONMENT } from '../configuration/read-configuration.ts'

/** Every variable of the environment, its default and what it does, for people. */
export function environmentHelp(): string {
  return ENVIRONMENT.map(({ name, default: fallback, description }) => {
    const set = fallback === null ? 'unset' : fallback
    return `${name} (default: ${set})\n  ${description.replaceAll('`', '')}`
  }).join('\n')
}
