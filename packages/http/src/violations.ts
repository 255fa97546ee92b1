import { NAME_PATTERN, nameRule, type TaskyardError } from '@taskyard/core'
import type { FastifySchemaValidationError } from 'fastify'
import { invalidRequest } from './problem.ts'
import { filterProperties } from './schemas/filters.ts'

/** The first failure of a schema as an `invalid_request` that names the place as a JSON Pointer and what to do. */
export function violationError(
  failure: FastifySchemaValidationError | undefined,
  context: string | undefined,
): TaskyardError {
  if (failure === undefined) return invalidRequest('', 'the request does not fit its schema')
  const { instancePath, keyword, params } = failure
  if (context === 'body' && instancePath === '' && keyword === 'type') {
    return invalidRequest('', 'the body must be a JSON object')
  }
  switch (keyword) {
    case 'additionalProperties':
      return invalidRequest(`${instancePath}/${pointerToken(params['additionalProperty'])}`, 'is not a known field')
    case 'required':
      return invalidRequest(`${instancePath}/${pointerToken(params['missingProperty'])}`, 'is required')
    case 'enum':
      return invalidRequest(instancePath, `must be one of ${(params['allowedValues'] as unknown[]).join(', ')}`)
    case 'minProperties':
      return invalidRequest(instancePath, `name at least one of ${Object.keys(filterProperties).join(', ')}`)
    case 'pattern':
      if (params['pattern'] !== NAME_PATTERN) return invalidRequest(instancePath, failure.message ?? 'is wrong')
      return invalidRequest(instancePath, `must be a name: ${nameRule('name')}`)
    default:
      return invalidRequest(instancePath, failure.message ?? 'is wrong')
  }
}

function pointerToken(name: unknown): string {
  return String(name).replaceAll('~', '~0').replaceAll('/', '~1')
}
