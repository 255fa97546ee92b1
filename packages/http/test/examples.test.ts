// What the reference page fills in for 'Try it out' comes from the examples of the contract: each is sent as it stands.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openApiDocument } from '../src/index.ts'
import { EXAMPLE_ID } from '../src/schemas/parameters.ts'
import { type Api, startApi } from './start-api.ts'

interface Operation {
  readonly operationId: string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly content: { readonly 'application/json': Media } }
}

interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required?: boolean
  readonly example?: unknown
}

interface Media {
  readonly example?: object
  readonly schema: { readonly $ref?: string; readonly examples?: readonly object[] }
}

interface Call {
  readonly method: string
  readonly path: string
  readonly operation: Operation
}

const document = (await openApiDocument()) as {
  readonly paths: Record<string, Record<string, Operation>>
  readonly components: { readonly schemas: Record<string, Media['schema']> }
}

const calls: readonly Call[] = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
)

/** In which state the task is that an operation names, where any will not do. */
const STATES: Readonly<Record<string, 'failed' | 'leased'>> = {
  retryTask: 'failed',
  deleteTask: 'failed',
  classicRetryTask: 'failed',
  heartbeat: 'leased',
  record: 'leased',
  settle: 'leased',
}

/** It answers for as long as its worker lives. */
const ENDLESS = ['openWorkerSession']

describe('the reference page', () => {
  for (const { method, path, operation } of calls) {
    const { operationId, requestBody, parameters = [] } = operation

    test(`has an example of all that ${operationId} needs`, () => {
      if (requestBody !== undefined) assert.ok(exampleOfBody(requestBody.content['application/json']), operationId)
      const needed = parameters.filter(({ required }) => required === true)
      for (const parameter of needed) assert.notEqual(parameter.example, undefined, parameter.name)
    })

    if (ENDLESS.includes(operationId)) continue
    test(`offers a request of ${operationId} that the server takes`, async (context) => {
      const api = await startApi(context)
      const response = await send(api, { method, path, operation }, await freshId(api, operationId))
      assert.ok(response.statusCode < 300, `${response.statusCode} ${response.body}`)
      // Of one lease that is dead the server says so, and takes the rest.
      assert.doesNotMatch(response.body, /"lost"/)
    })
  }

  test('offers no request about a task of its readers', async (context) => {
    const api = await startApi(context)
    for (const call of calls.filter((one) => requestOf(one).includes(EXAMPLE_ID))) {
      const { statusCode, body } = await send(api, call, EXAMPLE_ID)
      assert.ok(statusCode === 404 || body.includes('"lost"'), `${call.operation.operationId} ${statusCode} ${body}`)
    }
  })
})

async function send({ server }: Api, call: Call, id: string) {
  const { method, url, payload } = JSON.parse(requestOf(call).replaceAll(EXAMPLE_ID, id))
  return server.inject({ method, url, ...(payload === undefined ? {} : { payload }) })
}

/** As the page fills it in. */
function requestOf({ method, path, operation: { parameters = [], requestBody } }: Call): string {
  const filled = parameters.filter(({ example }) => example !== undefined)
  const query = new URLSearchParams()
  for (const { in: place, name, example } of filled) if (place === 'query') query.set(name, String(example))
  const at = filled.reduce((text, { name, example }) => text.replace(`{${name}}`, String(example)), path)
  const payload = requestBody === undefined ? undefined : exampleOfBody(requestBody.content['application/json'])
  return JSON.stringify({ method, url: `${at}?${query}`, payload })
}

/** It may stand beside the schema of a body, or in it. */
function exampleOfBody({ example, schema }: Media): object | undefined {
  const component = document.components.schemas[schema.$ref?.split('/').at(-1) ?? '']
  return example ?? schema.examples?.[0] ?? component?.examples?.[0]
}

async function freshId(api: Api, operationId: string): Promise<string> {
  const id = await api.submit({ type: 'greet' })
  const state = STATES[operationId]
  if (state === undefined) return id
  const { lease } = await api.claim()
  assert.equal(lease.token, 1)
  const outcome = { taskId: id, token: 1, outcome: 'failed', retryable: false }
  if (state === 'failed') await api.post('/api/v1/leases/settle', { outcomes: [outcome] })
  return id
}
