import { statelessHandler, type TaskType } from '../task-type.ts'
import { TRANSFORM_FAILURES, type TransformPayload, transform } from './operations.ts'
import { transformSchema } from './schema.ts'

/** `transform`: one operation on one text. */
export const transformType: TaskType = {
  type: 'transform',
  title: 'Transform a text',
  description: 'Changes, measures, hashes or encodes a text.',
  schema: transformSchema,
  failures: TRANSFORM_FAILURES,
  createHandler: () =>
    statelessHandler(({ payload }: { payload: TransformPayload }) => {
      return { operation: payload.operation, result: transform(payload) }
    }),
}
