import type { FastifyInstance } from 'fastify'
import { bulkFilterSchema } from './filters.ts'
import { claimSchema } from './leases.ts'
import { healthSchema, infoSchema, queueSchema, workerSchema } from './monitoring.ts'
import { problemSchema } from './problem.ts'
import { submissionSchema } from './submission.ts'
import { leasedTaskSchema, taskErrorSchema, taskEventSchema, taskPageSchema, taskSchema } from './task.ts'
import { taskTypeSchema, typeDefaultsSchema } from './types.ts'
import { stuckQueuesSchema, taskWaitingSchema, waitingReasonSchema } from './waiting.ts'

const COMPONENTS = [
  bulkFilterSchema,
  claimSchema,
  healthSchema,
  infoSchema,
  leasedTaskSchema,
  problemSchema,
  queueSchema,
  stuckQueuesSchema,
  submissionSchema,
  taskErrorSchema,
  taskEventSchema,
  taskPageSchema,
  taskSchema,
  taskWaitingSchema,
  waitingReasonSchema,
  taskTypeSchema,
  typeDefaultsSchema,
  workerSchema,
]

/** Makes the named schemas known, for `$ref` in the routes and as components of the reference. */
export function addComponents(server: FastifyInstance): void {
  for (const schema of COMPONENTS) server.addSchema(schema)
}
