import { setTimeout as delay } from 'node:timers/promises'
import { startServer } from '@taskyard/test-servers'
import type { FaultPoint } from './fault-points.ts'
import { monotonicMs, type WriteHistory } from './history.ts'
import type { ChaosOptions } from './options.ts'

/** The server that keeps the store. */
export interface DatabaseControl {
  readonly url: string
  /** It does nothing more once this has returned. Resolves when it serves again, `downMs` later. */
  kill(point: FaultPoint, downMs: number): Promise<void>
  /** Ends it as an operator would, and starts it again. */
  restart(downMs: number): Promise<void>
  stop(point: FaultPoint): void
  continue(point: FaultPoint): void
  destroy(): Promise<void>
}

/** Starts the database server of the store; `null` for SQLite, which has none. */
export async function startDatabase(
  { store, databaseSettings = {}, databaseHooks }: Pick<ChaosOptions, 'store' | 'databaseSettings' | 'databaseHooks'>,
  write: WriteHistory,
): Promise<DatabaseControl | null> {
  if (store === 'sqlite') return null
  const server = await startServer(store, { settings: databaseSettings })
  const { started, killed } = databaseHooks?.(server) ?? {}
  const state = (state: 'up' | 'down') => write({ e: 'database', at: monotonicMs(), state })
  const fault = (kind: 'kill' | 'stop' | 'continue' | 'drain', point: FaultPoint) =>
    write({ e: 'fault', at: monotonicMs(), kind, target: 'database', point })

  async function comeBack(downMs: number): Promise<void> {
    await delay(downMs)
    await server.start()
    await started?.()
    state('up')
  }

  await started?.()
  state('up')
  return {
    url: server.url,
    async kill(point, downMs) {
      fault('kill', point)
      state('down')
      await server.kill()
      await killed?.()
      await comeBack(downMs)
    },
    async restart(downMs) {
      fault('drain', 'random')
      state('down')
      await server.stop()
      await comeBack(downMs)
    },
    stop(point) {
      fault('stop', point)
      server.pause()
    },
    continue(point) {
      server.resume()
      fault('continue', point)
    },
    destroy: () => server.destroy(),
  }
}
