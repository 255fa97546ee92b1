import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createUuidV7Generator, systemClock, systemRandom } from '@taskyard/core/runtime'
import { createEngine, type UseCases } from '@taskyard/engine'
import { createMetrics, createServer } from '@taskyard/http'
import { openSqliteStore } from '@taskyard/store-sqlite'

export interface RealServer {
  readonly url: string
  /** In the default namespace. */
  readonly engine: UseCases
  /** Takes no new work from now on, and answers everything else. */
  drain(): void
  stop(): Promise<void>
}

/** A whole Taskyard on one SQLite file. `port` 0: any that is free. */
export async function startRealServer(file: string, port = 0): Promise<RealServer> {
  const metrics = createMetrics({ monotonicMs: () => performance.now() })
  const store = await openSqliteStore({ path: file, clock: systemClock })
  await store.lifecycle.migrate()
  const ids = createUuidV7Generator(systemClock)
  const engine = createEngine({ store, clock: systemClock, random: systemRandom, ids, nodeId: ids() })
  await engine.start()
  const draining = new AbortController()
  const server = await createServer({
    engine,
    draining: draining.signal,
    clock: systemClock,
    metrics,
    info: { version: '9.9.9', stack: { store: 'sqlite', broker: null }, durability: store.lifecycle.durability },
  })
  await server.listen({ host: '127.0.0.1', port })
  return {
    url: `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`,
    engine: engine.in('default'),
    drain: () => draining.abort(),
    async stop() {
      await server.close()
      await engine.stop()
      await store.lifecycle.close()
    },
  }
}

/** A file for a database, in a folder that is gone after the test. */
export async function databaseFile(t: { after(fn: () => Promise<void>): void }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'taskyard-client-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return join(folder, 'tasks.db')
}
