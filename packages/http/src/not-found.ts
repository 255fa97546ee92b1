import { TaskyardError } from '@taskyard/core'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { pathOf, sendProblem } from './error-handler.ts'
import { problemOf } from './problem.ts'

/**
 * Tells an unknown path (404) from a known one with another method (405, `Allow`). To be called before the routes are
 * added: it takes note of each.
 */
export function answerUnknownRoutes(server: FastifyInstance): void {
  const methodsByPattern = new Map<string, Set<string>>()
  server.addHook('onRoute', ({ method, url }) => {
    const methods = methodsByPattern.get(url) ?? new Set()
    methodsByPattern.set(url, methods)
    for (const one of [method].flat()) methods.add(one)
  })
  server.setNotFoundHandler((request: FastifyRequest, reply: FastifyReply) => {
    const path = pathOf(request)
    const allowed = allowedMethods(methodsByPattern, path)
    if (allowed.length === 0) {
      sendProblem(reply, problemOf(new TaskyardError('route_not_found', { method: request.method, path }), path))
      return
    }
    reply.header('allow', allowed.join(', '))
    const error = new TaskyardError('method_not_allowed', { path, allowed: allowed.join(', ') })
    sendProblem(reply, problemOf(error, path))
  })
}

function allowedMethods(methodsByPattern: ReadonlyMap<string, ReadonlySet<string>>, path: string): string[] {
  const segments = path.split('/')
  const allowed = new Set<string>()
  for (const [pattern, methods] of methodsByPattern) {
    if (matches(pattern.split('/'), segments)) for (const method of methods) allowed.add(method)
  }
  return [...allowed].sort()
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  return (
    pattern.length === segments.length &&
    pattern.every((part, index) => (part.startsWith(':') ? segments[index] !== '' : part === segments[index]))
  )
}
