import type { TaskType } from '../task-type.ts'
import { createTestHandler, TEST_FAILURES } from './handler.ts'
import { testSchema } from './schema.ts'

/** `test`: does as it is told, to try out the platform. */
export const testType: TaskType = {
  type: 'test',
  title: 'Test',
  description: 'Takes any payload. Waits, blocks, logs, reports progress and fails on request, to try the platform.',
  schema: testSchema,
  failures: TEST_FAILURES,
  createHandler: createTestHandler,
}
