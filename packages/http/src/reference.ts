import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import { DEFAULTS, NAME_PATTERN } from '@taskyard/core'
import type { FastifyInstance, FastifySchema } from 'fastify'
import { NAMESPACE_HEADER } from './namespace-of.ts'
import { problems } from './schemas/problem.ts'

const TAGS = [
  { name: 'tasks', description: 'Submit tasks and see what became of them' },
  { name: 'leases', description: 'What workers do' },
  { name: 'queues', description: 'Where tasks wait' },
  { name: 'types', description: 'What tasks of a type get by default' },
  { name: 'monitoring', description: 'Health, metrics and who is there' },
  { name: 'store', description: 'The store as a whole' },
  { name: 'classic', description: 'For clients written against other task services' },
]

/** The page is about Taskyard alone: without the bar of the tool that draws it. */
const THEME = {
  title: 'Taskyard API',
  css: [{ filename: 'theme.css', content: '.swagger-ui .topbar { display: none }' }],
}

/** All comes from the server itself, over the protocol that it was asked by: most servers speak plain HTTP. */
const CONTENT_POLICY = [
  "default-src 'self'",
  "img-src 'self' data:",
  "style-src 'self' 'unsafe-inline'",
  "base-uri 'self'",
  "frame-ancestors 'self'",
  "object-src 'none'",
].join('; ')

/** Writes down every route added after it: as `/openapi.json` and, for people, under `/docs`. */
export async function publishReference(server: FastifyInstance, version: string): Promise<void> {
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Taskyard',
        version,
        description: 'A self-hosted platform for background tasks. Errors are problem documents (RFC 9457).',
        license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
      },
      tags: TAGS,
    },
    transform: ({ schema, url }) => ({ url, schema: isOfNamespace(url) ? withNamespace(schema) : schema }),
    refResolver: {
      buildLocalReference: (json, _baseUri, _fragment, index) => String(json['$id'] ?? `definition-${index}`),
    },
  })
  await server.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: CONTENT_POLICY,
    uiConfig: { docExpansion: 'list' },
    theme: THEME,
  })
  server.get('/openapi.json', { schema: { hide: true } }, () => server.swagger())
}

/** What is asked of a namespace, and not of the server as a whole. */
function isOfNamespace(url: string): boolean {
  return /^\/(api\/v1\/(?!(?:info|backup)$)|tasks|queue\/)/.test(url)
}

function withNamespace(schema: FastifySchema): FastifySchema {
  const { properties = {} } = (schema.headers ?? {}) as { readonly properties?: object }
  const headers = { type: 'object', properties: { ...properties, [NAMESPACE_HEADER]: NAMESPACE } }
  return { ...schema, headers, response: { ...problems(400), ...(schema.response as object) } }
}

const NAMESPACE = {
  type: 'string',
  pattern: NAME_PATTERN,
  default: DEFAULTS.namespace,
  description: 'Whose tasks, queues and workers. What belongs to another namespace is answered as what does not exist.',
}
