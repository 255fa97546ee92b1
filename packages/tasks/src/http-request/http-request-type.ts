import { lazyHandler, type OpenHandler, type TaskType, type TaskTypeDeps } from '../task-type.ts'
import { createAddressPolicy } from './address-policy.ts'
import { checkHttpRequest } from './check.ts'
import { HTTP_FAILURES } from './failures.ts'
import { httpRequestSchema } from './schema.ts'

/** `http-request`: one call of an HTTP service. */
export const httpRequestType: TaskType = {
  type: 'http-request',
  title: 'Call an HTTP service',
  description: 'Sends one HTTP request and keeps the answer. Private addresses are refused unless allowed.',
  schema: httpRequestSchema,
  check: checkHttpRequest,
  failures: HTTP_FAILURES,
  createHandler,
}

function createHandler(deps: TaskTypeDeps): OpenHandler {
  const permits = createAddressPolicy(deps.allowPrivateAddresses ?? false)
  return lazyHandler(async () => {
    const { createHttpRequestHandler } = await import('./handler.ts')
    return createHttpRequestHandler(deps, permits)
  })
}
