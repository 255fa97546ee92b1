import { parseRfc3339 } from '@taskyard/core'
import { Ajv, type Options, type ValidateFunction } from 'ajv'
import { bulkFilterSchema } from './filters.ts'
import { claimSchema } from './leases.ts'
import { submissionSchema } from './submission.ts'
import { taskErrorSchema } from './task.ts'
import { typeDefaultsSchema } from './types.ts'

interface ValidatorRequest {
  readonly schema: unknown
  readonly httpPart?: string
}

// What a body says must be meant: nothing is removed, filled in or converted.
const OPTIONS: Options = {
  allErrors: false,
  removeAdditional: false,
  useDefaults: false,
  strict: false,
  // A refusal looks at what was sent, and at what might have been.
  verbose: true,
  formats: { 'date-time': (text: string) => parseRfc3339(text) !== null },
}

/** Compiles the routes' schemas. Only query and path parameters, which are text by nature, are converted. */
export function createValidatorCompiler(): (request: ValidatorRequest) => ValidateFunction {
  const bodies = withComponents(new Ajv({ ...OPTIONS, coerceTypes: false }))
  const parameters = new Ajv({ ...OPTIONS, coerceTypes: true })
  return ({ schema, httpPart }) => (httpPart === 'body' ? bodies : parameters).compile(schema as object)
}

function withComponents(ajv: Ajv): Ajv {
  return ajv.addSchema([taskErrorSchema, submissionSchema, claimSchema, bulkFilterSchema, typeDefaultsSchema])
}
