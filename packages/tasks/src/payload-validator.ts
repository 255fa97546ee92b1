import type { Violation } from '@taskyard/core'
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js'
import { isMailbox, isMailboxList } from './email/mailbox.ts'
import { isHttpUrl } from './http-request/http-url.ts'
import type { TaskType } from './task-type.ts'

/** Violations reported of one payload; later ones are left out. */
export const MAX_VIOLATIONS = 20

/** Over this many characters of JSON only the first violation is looked for: a huge wrong payload must not cost much. */
const COLLECT_ALL_BELOW = 16_384

/** What is wrong with a payload; nothing when the list is empty. `size`: characters of its JSON text. */
export type PayloadValidator = (payload: unknown, size: number) => readonly Violation[]

/** A validator of the type's schema and check. Compiled at its first use. */
export function createPayloadValidator({ schema, check }: TaskType): PayloadValidator {
  const findFirst = lazily(() => createAjv({ allErrors: false }).compile(schema))
  const findAll = lazily(() => createAjv({ allErrors: true }).compile(schema))
  return (payload, size) => {
    const validate = size < COLLECT_ALL_BELOW ? findAll() : findFirst()
    if (!validate(payload)) return violationsOf(validate.errors ?? [])
    return check?.(payload).slice(0, MAX_VIOLATIONS) ?? []
  }
}

/**
 * A compiler with the formats and annotations that our schemas use. That the schemas are themselves valid is tested; checking it at
 * run time would cost more than compiling them.
 */
export function createAjv(options: { readonly allErrors: boolean; readonly validateSchema?: boolean }): Ajv2020 {
  const ajv = new Ajv2020({
    meta: options.validateSchema ?? false,
    validateSchema: options.validateSchema ?? false,
    allErrors: options.allErrors,
    verbose: true,
    strict: true,
    allowUnionTypes: true,
    // Branches of `anyOf` require properties that the schema around them defines.
    strictRequired: false,
  })
  ajv.addVocabulary(['x-message', 'x-path'])
  ajv.addFormat('mailbox', isMailbox)
  ajv.addFormat('mailbox-list', isMailboxList)
  ajv.addFormat('http-url', isHttpUrl)
  return ajv
}

function violationsOf(errors: readonly ErrorObject[]): readonly Violation[] {
  return errors.filter(isWholeReason).slice(0, MAX_VIOLATIONS).map(toViolation)
}

/** A failed branch of `anyOf`, or a key refused by `propertyNames`, is told again by the keyword around it. */
function isWholeReason({ schemaPath }: ErrorObject): boolean {
  return !/\/anyOf\/\d+\/|\/propertyNames\/./.test(schemaPath)
}

function toViolation(error: ErrorObject): Violation {
  return { path: pathOf(error), message: messageOf(error) }
}

function pathOf({ instancePath, keyword, params, parentSchema }: ErrorObject): string {
  const key: unknown = params.missingProperty ?? params.additionalProperty ?? params.propertyName
  if (typeof key === 'string') return `${instancePath}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
  if (keyword === 'anyOf' || keyword === 'not') return `${instancePath}${parentSchema?.['x-path'] ?? ''}`
  return instancePath
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'a string',
  array: 'a list',
  object: 'an object',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  null: 'null',
}

function messageOf({ keyword, params, parentSchema, message }: ErrorObject): string {
  switch (keyword) {
    case 'required':
      return 'is required'
    case 'additionalProperties':
      return `is not a field of this type; it has ${Object.keys(parentSchema?.properties ?? {}).join(', ')}`
    case 'type':
      return `must be ${[params.type]
        .flat()
        .map((type: string) => TYPE_WORDS[type])
        .join(' or ')}`
    case 'enum':
      return `must be one of ${(params.allowedValues as unknown[]).join(', ')}`
    case 'minLength':
      return params.limit === 1 ? 'must not be empty' : `must have at least ${params.limit} characters`
    case 'maxLength':
      return `must have at most ${params.limit} characters`
    case 'minItems':
      return `must have at least ${params.limit} entries`
    case 'maxItems':
      return `must have at most ${params.limit} entries`
    case 'maxProperties':
      return String(parentSchema?.['x-message'] ?? `must have at most ${params.limit} fields`)
    case 'minimum':
    case 'maximum':
      return `must be between ${parentSchema?.minimum} and ${parentSchema?.maximum}`
    default:
      return String(parentSchema?.['x-message'] ?? message)
  }
}

function lazily<Value>(create: () => Value): () => Value {
  let value: Value | undefined
  return () => {
    value ??= create()
    return value
  }
}
