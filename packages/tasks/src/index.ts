export { BUILT_IN_TYPES, type BuiltInTaskTypes, builtInTaskTypes } from './built-in-task-types.ts'
export { COMMON_FAILURES, type FailureCatalogue, type FailureKind } from './failure.ts'
export type { OpenHandler, PayloadSchema, TaskType, TaskTypeDeps } from './task-type.ts'
