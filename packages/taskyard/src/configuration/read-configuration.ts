import { closestName, type Retention, TaskyardError } from '@taskyard/core'
import { withoutSecrets } from './store-location.ts'
import { expectation } from './value-kinds.ts'
import { VARIABLES, type Variable } from './variables.ts'

/** The environment as the composition roots use it: every variable read, checked and typed. */
export type Configuration = {
  readonly [Name in keyof typeof VARIABLES]: (typeof VARIABLES)[Name] extends Variable<infer Value> ? Value : never
}

export type Environment = Readonly<Record<string, string | undefined>>

/** Every environment variable, in the order of the reference. */
export const ENVIRONMENT: readonly { name: string; default: string | null; description: string }[] = Object.values(
  VARIABLES,
).map(({ name, default: fallback, description }) => ({ name, default: fallback, description }))

/**
 * Checks and reads every `TASKYARD_…` variable. An empty value counts as unset, where its kind does not refuse it; other names are not looked at.
 * @throws TaskyardError `invalid_configuration` that names everything wrong at once
 */
export function readConfiguration(environment: Environment): Configuration {
  const problems = unknownNames(environment)
  const entries = Object.entries(VARIABLES).map(([key, variable]) => {
    const given = environment[variable.name]?.trim()
    const text = given === '' && variable.kind.refusesEmpty ? '' : given || variable.default
    if (text === null) return [key, null]
    const value = variable.kind.parse(text)
    if (value === undefined) problems.push(unacceptable(variable, text))
    return [key, value]
  })
  const configuration = Object.fromEntries(entries) as Configuration
  if (problems.length === 0) problems.push(...contradictions(configuration))
  if (problems.length > 0) throw new TaskyardError('invalid_configuration', { reason: problems.join('\n') })
  return configuration
}

function contradictions({ store, roles }: Configuration): string[] {
  if (store.kind !== 'sqlite' || roles.includes('scheduler')) return []
  return [
    'TASKYARD_ROLES leaves out scheduler; with a SQLite store, which belongs to one process, nobody else can start delayed tasks and notice dead workers. Add scheduler',
  ]
}

/** How long finished tasks are kept, in the engine's terms. */
export function retentionOf(configuration: Configuration): Retention {
  return {
    succeededSeconds: configuration.retentionDays * 86_400,
    failedSeconds: configuration.retentionFailedDays * 86_400,
    finishedBytes: configuration.retentionMegabytes * 1_048_576,
  }
}

function unknownNames(environment: Environment): string[] {
  const known = ENVIRONMENT.map(({ name }) => name)
  return Object.keys(environment)
    .filter((name) => name.startsWith('TASKYARD_') && !known.includes(name))
    .map((name) => `${name} is not a setting of Taskyard${didYouMean(name, known)}`)
}

function didYouMean(name: string, known: readonly string[]): string {
  if (/^TASKYARD_(SERVICE_|PORT_\d+_)/.test(name)) return `. ${KUBERNETES_LINKS}`
  const closest = closestName(name, known)
  return closest === null ? '; taskyard help environment lists them' : `; did you mean ${closest}?`
}

function unacceptable(variable: Variable<unknown>, text: string): string {
  const shown = variable.secret ? 'a value (not shown)' : JSON.stringify(withoutSecrets(text))
  const hint = /^tcp:\/\//.test(text) ? `. ${KUBERNETES_LINKS}` : ''
  return `${variable.name} is ${shown}; ${expectation(variable.kind, text)}${hint}`
}

/** Kubernetes adds such names and `TASKYARD_PORT=tcp://…` to every pod beside a Service named `taskyard`. */
const KUBERNETES_LINKS = 'Kubernetes sets it for a Service named taskyard: set enableServiceLinks: false in the pod'
