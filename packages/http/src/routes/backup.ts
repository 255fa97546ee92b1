import { Readable } from 'node:stream'
import { TaskyardError } from '@taskyard/core'
import type { FastifyInstance } from 'fastify'
import { NAMESPACE_HEADER, namesNamespace } from '../namespace-of.ts'
import { invalidRequest } from '../problem.ts'
import type { RouteContext } from '../route-context.ts'
import { problems } from '../schemas/problem.ts'

export const BACKUP_CONTENT_TYPE = 'application/vnd.sqlite3'

/** How the stores are backed up that Taskyard does not back up, by their kind. */
const OTHER_MEANS: Readonly<Record<string, string>> = {
  postgres: 'use pg_dump; see the page "Running on PostgreSQL", section "Backup"',
  redis: 'use its own files; see the page "Running on Redis", section "Backup"',
  mongodb: 'use mongodump; see the page "Running on MongoDB", section "Backup"',
}

/** A copy takes up its room on the disk, and keeps others from theirs, until it is read: whoever takes longer is cut off. */
const LEAST_BYTES_PER_SECOND = 256 * 1024
const LEAST_SECONDS = 60

/** The whole store as one file. It goes to whoever asks and nowhere on the server: no request says where to write. */
export function backupRoute(server: FastifyInstance, { engine, clock, info, lifecycle }: RouteContext): void {
  server.post('/api/v1/backup', { schema: backupSchema }, async (request, reply) => {
    lifecycle.refuseWhenClosing()
    // Whoever speaks for one namespace, as behind a gateway, is not given those of the others.
    if (namesNamespace(request)) throw ofAllNamespaces()
    if (engine.backup === null) throw unsupported(info.stack['store'])
    const copy = await engine.backup()
    if (reply.raw.destroyed) return await copy.discard()
    const seconds = LEAST_SECONDS + copy.sizeBytes / LEAST_BYTES_PER_SECOND
    const callOff = clock.after(seconds * 1000, () => reply.raw.destroy())
    reply.raw.once('close', () => {
      callOff()
      void copy.discard()
    })
    reply.header('content-type', BACKUP_CONTENT_TYPE).header('content-length', copy.sizeBytes)
    return reply.send(Readable.from(copy.chunks))
  })
}

function ofAllNamespaces(): TaskyardError {
  return invalidRequest('', `a backup holds the tasks of all namespaces: ask for it without ${NAMESPACE_HEADER}`)
}

function unsupported(kind: string | null | undefined): TaskyardError {
  return new TaskyardError('backup_unsupported', {
    instead: OTHER_MEANS[kind ?? ''] ?? 'use the tools of its database',
  })
}

const backupSchema = {
  operationId: 'backup',
  tags: ['store'],
  summary: 'A copy of the whole store',
  description:
    'Of a SQLite store: a SQLite database with the tasks of all namespaces, whole to one moment, in which everything is that was ' +
    'acknowledged before. The server goes on meanwhile. It has to be taken at 256 KiB a second at least, after a first minute. A request that names a namespace is refused (400 `invalid_request`). Other stores have tools of their own (400 `backup_unsupported`).',
  produces: [BACKUP_CONTENT_TYPE],
  response: {
    200: {
      description: 'The database',
      content: { [BACKUP_CONTENT_TYPE]: { schema: { type: 'string', format: 'binary' } } },
    },
    ...problems(400, 429, 503),
  },
} as const
