import { TaskyardError } from '@taskyard/core'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type ErrorHandler, pathOf } from './error-handler.ts'

/**
 * Tells an unknown path (404) from a known one with another method (405, `Allow`). To be called before the routes are
 * added: it takes note of each.
 * @param home where a browser is led that asks for `/`, relative to it; `null`: there is no page
 */
export function answerUnknownRoutes(server: FastifyInstance, answer: ErrorHandler, home: string | null): void {
  const methodsByPattern = new Map<string, Set<string>>()
  server.addHook('onRoute', ({ method, url }) => {
    const methods = methodsByPattern.get(url) ?? new Set()
    methodsByPattern.set(url, methods)
    for (const one of [method].flat()) methods.add(one)
  })
  server.setNotFoundHandler((request, reply) => {
    const path = pathOf(request)
    if (home !== null && path === '/' && isBrowser(request)) return reply.redirect(home)
    const allowed = allowedMethods(methodsByPattern, path).join(', ')
    if (allowed === '')
      return answer(new TaskyardError('route_not_found', { method: request.method, path }), request, reply)
    reply.header('allow', allowed)
    answer(new TaskyardError('method_not_allowed', { path, allowed }), request, reply)
  })
}

function isBrowser({ method, headers }: FastifyRequest): boolean {
  return method === 'GET' && headers.accept?.includes('text/html') === true
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
