import { LIMITS, type TypeDefaults, type TypeWithDefaults } from '@taskyard/core'
import type { FastifyInstance } from 'fastify'
import type { RouteContext } from '../route-context.ts'
import { BODY_PROBLEMS, problems } from '../schemas/problem.ts'
import { declarationsSchema, typeParams } from '../schemas/types.ts'

interface TypeParams {
  type: string
}

/** What submissions of a type get that do not say otherwise. */
export function typeRoutes(server: FastifyInstance, { inNamespaceOf }: RouteContext): void {
  server.get('/api/v1/types', { schema: listSchema }, async (request) => ({
    types: (await inNamespaceOf(request).types()).map(typeDocument),
  }))

  server.post<{ Body: { types: ({ type: string } & TypeDefaults)[] } }>(
    '/api/v1/types',
    { schema: declareAllSchema },
    async (request) => {
      const declared = request.body.types.map(({ type, ...defaults }) => ({ type, defaults }))
      await inNamespaceOf(request).declareTypes(declared)
      return { types: declared.map(typeDocument) }
    },
  )

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
    await inNamespaceOf(request).declareTypes([{ type: request.params.type, defaults: null }])
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
    'Other servers on the same store follow within 5 s.',
  params: typeParams,
  body: { $ref: 'TypeDefaults#' },
  response: { 200: { description: 'The type as it is now', $ref: 'TaskType#' }, ...problems(...BODY_PROBLEMS, 409) },
} as const

const declareAllSchema = {
  operationId: 'declareTypes',
  tags: ['types'],
  summary: 'Set what submissions of several types get by default',
  description: 'As each by itself, all or nothing. Types that are not named stay as they are.',
  body: declarationsSchema,
  response: {
    200: {
      description: 'These types as they are now',
      type: 'object',
      required: ['types'],
      properties: { types: { type: 'array', items: { $ref: 'TaskType#' } } },
    },
    ...problems(...BODY_PROBLEMS, 409),
  },
} as const

const deleteSchema = {
  operationId: 'deleteType',
  tags: ['types'],
  summary: 'Take away the defaults of a type',
  description: 'From then on it is as every type, also when it was before. Its tasks stay as they are.',
  params: typeParams,
  response: { 204: { description: 'It has none', type: 'null' }, ...problems(400, 503) },
} as const
