import { meantInstead, meantName, NAME_PATTERN, nameRule, type TaskyardError } from '@taskyard/core'
import type { FastifySchemaValidationError } from 'fastify'
import { invalidRequest } from './problem.ts'
import { FILTER_FIELDS } from './schemas/filters.ts'

/** A failure with what was sent in its place, and the schema that it had to fit. */
type Failure = FastifySchemaValidationError & { readonly data?: unknown; readonly parentSchema?: ParentSchema }

interface ParentSchema {
  readonly properties?: Readonly<Record<string, unknown>>
  readonly required?: readonly string[]
  readonly format?: unknown
}

/** What does not fit a schema as an `invalid_request` that names the place as a JSON Pointer and what to do. */
export function violationError(failures: readonly Failure[], context: string | undefined): TaskyardError {
  const failure = mostExact(failures)
  if (failure === undefined) return invalidRequest('', 'the request does not fit its schema')
  const { instancePath, keyword } = failure
  if (context === 'body' && instancePath === '' && keyword === 'type') {
    return invalidRequest('', 'the body must be a JSON object')
  }
  if (keyword === 'additionalProperties') return unknownField(failure, failure.params['additionalProperty'])
  if (keyword === 'required') return missingField(failure, String(failure.params['missingProperty']))
  if (context === 'params' && failureIsEmpty(failure)) return invalidRequest(instancePath, 'is empty in the path')
  return invalidRequest(instancePath, messageOf(failure))
}

/** Where one of several forms would do, all of their failures are told: the deepest one is of the form that was meant, of equals the first, as the schema names them. */
function mostExact(failures: readonly Failure[]): Failure | undefined {
  return failures.toSorted((one, other) => other.instancePath.length - one.instancePath.length)[0]
}

function messageOf({ instancePath, keyword, params, message = 'is wrong', parentSchema }: Failure): string {
  if (parentSchema?.format === 'date-time') return 'must be a time in RFC 3339, such as 2030-01-31T12:00:00Z'
  switch (keyword) {
    case 'enum':
      return `must be one of ${(params['allowedValues'] as unknown[]).join(', ')}`
    case 'minProperties':
      return `name at least one of ${fieldsToName(parentSchema).join(', ')}`
    case 'pattern':
      return params['pattern'] === NAME_PATTERN ? `must be a name: ${nameRule(nounAt(instancePath))}` : message
    default:
      return message
  }
}

/** Of a filter, what tasks are chosen by: its other fields say what is done with them. */
function fieldsToName({ properties = {}, required = [] }: ParentSchema = {}): readonly string[] {
  if ('dryRun' in properties) return FILTER_FIELDS
  return Object.keys(properties).filter((name) => !required.includes(name))
}

function unknownField({ instancePath, parentSchema }: Failure, name: unknown): TaskyardError {
  const instead = meantInstead(String(name), knownNames(parentSchema))
  const path = `${instancePath}/${pointerToken(name)}`
  return invalidRequest(path, instead === null ? 'is not a known field' : `is not a known field: ${instead}`)
}

/** A body may have any number of fields that are not known. */
const MAX_LOOKED_AT = 100
/** Of a name that somebody sent, as far as it is repeated to him. */
const MAX_NAME_LENGTH = 200

/** It may be there, under the name that it has elsewhere. */
function missingField(failure: Failure, missing: string): TaskyardError {
  const sent = typeof failure.data === 'object' && failure.data !== null ? Object.keys(failure.data) : []
  const other = sent.slice(0, MAX_LOOKED_AT).find((name) => name !== missing && meantName(name, [missing]) !== null)
  const known = { ...failure, parentSchema: { properties: { [missing]: true } } }
  if (other !== undefined) return unknownField(known, other)
  return invalidRequest(`${failure.instancePath}/${pointerToken(missing)}`, 'is required')
}

function knownNames({ properties = {} }: ParentSchema = {}): readonly string[] {
  const names = Object.keys(properties)
  // The key of a single submission is a header.
  return 'payload' in properties && !('idempotencyKey' in properties) ? [...names, 'Idempotency-Key'] : names
}

const NOUNS: Readonly<Record<string, string>> = {
  type: 'type',
  types: 'type',
  task_type: 'type',
  queue: 'queue',
  queues: 'queue',
  workerId: 'worker id',
  requestId: 'request id',
  startId: 'start id',
}

/** What stands at a place such as `/queues/0`. */
function nounAt(path: string): string {
  const token = path.split('/').findLast((part) => !/^\d*$/.test(part))
  return NOUNS[token ?? ''] ?? 'name'
}

function failureIsEmpty({ data }: Failure): boolean {
  return data === ''
}

function pointerToken(name: unknown): string {
  const text = String(name)
  const shown = text.length > MAX_NAME_LENGTH ? `${text.slice(0, MAX_NAME_LENGTH)}…` : text
  return shown.replaceAll('~', '~0').replaceAll('/', '~1')
}
