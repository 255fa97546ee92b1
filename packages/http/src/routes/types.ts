import { LIMITS, type TypeDefaults, type TypeWithDefaults } from '@taskyard/core'
import type { FastifyInstance } from 'fastify'
import type { RouteContext } from '../route-context.ts'
import { BODY_PROBLEMS, problems } from '../schemas/problem.ts'
import { typeParams } from '../schemas/types.ts'

interface TypeParams {
  type: string
}

/** What submissions of a type get that do not say otherwise. */
export function typeRoutes(server: FastifyInstance, { inNamespaceOf }: RouteContext): void {
  server.get('/api/v1/types', { schema: listSchema }, async (request) => ({
    types: (await inNamespaceOf(request).types()).map(typeDocument),
  }))

  server.put<{ Params: TypeParams; Body: TypeDefaults }>(
    '/api/v1/types/:type',
    { schema: declareSchema },
    async (request) => {
      const declared = { type: request.params.type, defaults: request.body }
      await inNamespaceOf(request).declareTypes([declared])
      return typeDocument(declared)
    },
  )

  server.delete<{ Params: TypeParams }>('/api/v1/types/:type', { schema: deleteSchema }, async (request, reply) => {
    await inNamespaceOf(request).declareTypes([{ type: request.params.type, defaults: {} }])
    return reply.code(204).send()
  })
}

function typeDocument({ type, defaults }: TypeWithDefaults) {
  return { type, ...defaults }
}

const listSchema = {
  operationId: 'listTypes',
  tags: ['types'],
  summary: 'Task types with defaults of their own',
  description: `In the order of their names, at most ${LIMITS.typesWithDefaults}.`,
  response: {
    200: {
      description: 'The types',
      type: 'object',
      required: ['types'],
      properties: { types: { type: 'array', items: { $ref: 'TaskType#' } } },
    },
    ...problems(503),
  },
} as const

const declareSchema = {
  operationId: 'declareType',
  tags: ['types'],
  summary: 'Set what submissions of a type get by default',
  description:
    'Replaces what was declared before, also by a worker; a worker that starts declares what stands beside its handlers. ' +
    'An empty object takes the defaults away. Other servers on the same store follow within 5 s.',
  params: typeParams,
  body: { $ref: 'TypeDefaults#' },
  response: { 200: { description: 'The type as it is now', $ref: 'TaskType#' }, ...problems(...BODY_PROBLEMS, 409) },
} as const

const deleteSchema = {
  operationId: 'deleteType',
  tags: ['types'],
  summary: 'Take away the defaults of a type',
  description: 'From then on it is as every type, also when it was before. Its tasks stay as they are.',
  params: typeParams,
  response: { 204: { description: 'It has none', type: 'null' }, ...problems(400, 503) },
} as const
