import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Clock, OpenedStore } from '@taskyard/core'
import { createUuidV7Generator, systemClock, systemRandom } from '@taskyard/core/runtime'
import { createEngine, type Engine, type EngineOptions, type UseCases } from '@taskyard/engine'
import { openSqliteStore } from '@taskyard/store-sqlite'
import type { FastifyInstance } from 'fastify'
import { createMetrics, createServer, type HostNames, type HttpLimits } from '../src/index.ts'

export interface Api {
  readonly server: FastifyInstance
  /** With what can be done in the default namespace. */
  readonly engine: Engine & UseCases
  readonly store: OpenedStore
  readonly logged: { details: object; message: string }[]
  readonly warned: string[]
  /** Listens on a free port of the loopback interface and answers with the base URL. */
  listen(): Promise<string>
  post(url: string, body?: unknown, headers?: Record<string, string>): ReturnType<typeof request>
  get(url: string, headers?: Record<string, string>): ReturnType<typeof request>
  /** Submits a task over HTTP and answers with its id. */
  submit(task: object): Promise<string>
  /** Leases one task of any type in queue `default`. */
  claim(workerId?: string): Promise<{ id: string; lease: { token: number } }>
}

interface ApiOptions {
  limits?: Partial<HttpLimits>
  hosts?: HostNames
  /** Of the server alone. */
  clock?: Clock
  draining?: AbortSignal
  engine?: Partial<EngineOptions>
  metricLabels?: number
}

/** The whole API on the real engine and a real store in a folder of its own, taken down after the test. */
export async function startApi(context: TestContext, options: ApiOptions = {}): Promise<Api> {
  const folder = await mkdtemp(join(tmpdir(), 'taskyard-http-'))
  const metrics = createMetrics({
    monotonicMs: () => performance.now(),
    ...(options.metricLabels === undefined ? {} : { labelLimit: options.metricLabels }),
  })
  const store = metrics.observeStore(await openSqliteStore({ path: join(folder, 'tasks.db'), clock: systemClock }))
  await store.lifecycle.migrate()
  const engine = createEngine({
    store,
    clock: systemClock,
    random: systemRandom,
    ids: createUuidV7Generator(systemClock),
    nodeId: 'test-node',
    observer: metrics.observer,
    ...options.engine,
  })
  await engine.start()
  const logged: Api['logged'] = []
  const warned: string[] = []
  const server = await createServer({ engine, metrics, ...serverOptions(store, { logged, warned }, options) })
  context.after(async () => {
    await server.close()
    await engine.stop()
    await store.lifecycle.close()
    await rm(folder, { recursive: true, force: true })
  })
  const post: Api['post'] = (url, body, headers = {}) => request(server, 'POST', url, body, headers)
  return {
    server,
    engine: { ...engine, ...engine.in('default') },
    store,
    logged,
    warned,
    post,
    get: (url, headers = {}) => request(server, 'GET', url, undefined, headers),
    async listen() {
      await server.listen({ host: '127.0.0.1', port: 0 })
      return `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`
    },
    submit: async (task) => (await post('/api/v1/tasks', { payload: null, ...task })).json().id,
    async claim(workerId = 'w1') {
      const response = await post('/api/v1/leases', { workerId, queues: ['default'], limit: 1, waitSeconds: 5 })
      return response.json().tasks[0]
    },
  }
}

function serverOptions(store: OpenedStore, { logged, warned }: Pick<Api, 'logged' | 'warned'>, options: ApiOptions) {
  return {
    clock: options.clock ?? systemClock,
    info: { version: '9.9.9', stack: { store: 'sqlite' }, durability: store.lifecycle.durability },
    logger: {
      error: (details, message) => void logged.push({ details, message }),
      warn: (_, message) => void warned.push(message),
    },
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    ...(options.hosts === undefined ? {} : { hosts: options.hosts }),
    ...(options.draining === undefined ? {} : { draining: options.draining }),
  } satisfies Partial<Parameters<typeof createServer>[0]>
}

/** A string body is sent as it is, anything else as JSON. */
function request(
  server: FastifyInstance,
  method: 'GET' | 'POST',
  url: string,
  body: unknown,
  headers: Record<string, string>,
) {
  if (body === undefined) return server.inject({ method, url, headers })
  const payload = typeof body === 'string' ? body : JSON.stringify(body)
  return server.inject({ method, url, payload, headers: { 'content-type': 'application/json', ...headers } })
}
