import type { JsonText, LeasedTaskDocument, TaskHandler, Violation } from '@taskyard/core'
import { emailType } from './email/email-type.ts'
import { COMMON_FAILURES, failureOf } from './failure.ts'
import { httpRequestType } from './http-request/http-request-type.ts'
import { createPayloadValidator, type PayloadValidator } from './payload-validator.ts'
import type { OpenHandler, TaskType, TaskTypeDeps } from './task-type.ts'
import { testType } from './test-task/type-definition.ts'
import { transformType } from './transform/transform-type.ts'
import { uppercaseType } from './uppercase/uppercase-type.ts'

/** Every task type that comes with Taskyard. */
export const BUILT_IN_TYPES: readonly TaskType[] = [emailType, httpRequestType, transformType, uppercaseType, testType]

export interface BuiltInTaskTypes {
  readonly types: readonly TaskType[]
  /** Ready for a worker. Each checks its payload again: a task may come from a server that knows no schema. */
  // biome-ignore lint/suspicious/noExplicitAny: each handler names the payload of its own schema
  readonly handlers: Readonly<Record<string, TaskHandler<any, any>>>
  /** What is wrong with a payload of this type, at most 20 violations. Types that are not built in pass, unparsed. */
  readonly checkPayload: (type: string, payload: JsonText) => readonly Violation[]
  /** Closes the connections the handlers keep. Idempotent. */
  close(): Promise<void>
}

/**
 * The built-in task types, with handlers over these dependencies. Opens no connection before a task needs it.
 * @throws TaskyardError `invalid_configuration` when the SMTP URL or an allowed address is malformed
 */
export function builtInTaskTypes(deps: TaskTypeDeps): BuiltInTaskTypes {
  const opened = BUILT_IN_TYPES.map((taskType) => {
    return { type: taskType.type, validate: createPayloadValidator(taskType), handler: taskType.createHandler(deps) }
  })
  const validators = new Map(opened.map(({ type, validate }) => [type, validate]))
  return {
    types: BUILT_IN_TYPES,
    handlers: Object.fromEntries(opened.map(({ type, validate, handler }) => [type, checked(validate, handler)])),
    checkPayload(type, payload) {
      return validators.get(type)?.(JSON.parse(payload), payload.length) ?? []
    },
    async close() {
      await Promise.all(opened.map(({ handler }) => handler.close()))
    },
  }
}

function checked(validate: PayloadValidator, handler: OpenHandler): TaskHandler {
  return (task, context) => {
    refuseInvalid(task, validate)
    return handler.run(task, context)
  }
}

/** Only the first violation is looked for: the size of a parsed payload is not known. */
function refuseInvalid(task: LeasedTaskDocument, validate: PayloadValidator): void {
  const [violation] = validate(task.payload, Number.POSITIVE_INFINITY)
  if (violation === undefined) return
  const { path, message } = violation
  throw failureOf(COMMON_FAILURES, 'invalid_payload', `The payload is wrong: ${path === '' ? 'it' : path} ${message}`)
}
