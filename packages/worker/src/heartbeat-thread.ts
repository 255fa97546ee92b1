import { parentPort, workerData } from 'node:worker_threads'
import type { Heartbeats } from '@taskyard/core'
import { systemClock, systemRandom } from '@taskyard/core/runtime'
import { HeartbeatLoop } from './heartbeat-loop.ts'
import type { FromHeartbeatThread, HeartbeatThreadData, ToHeartbeatThread } from './heartbeat-messages.ts'
import { LeaseBoard } from './lease-board.ts'

// The entry of the heartbeat thread: it keeps leases alive while a handler blocks the main thread's event loop.

const { module, data, board, slots, leaseMs } = workerData as HeartbeatThreadData
const { openLeaseExtender } = (await import(module)) as {
  openLeaseExtender(data: unknown): Heartbeats | Promise<Heartbeats>
}
const extender = await openLeaseExtender(data)
const loop = new HeartbeatLoop({
  board: new LeaseBoard(board, slots),
  extender,
  leaseMs,
  clock: systemClock,
  random: systemRandom,
  onNews: (news) => post({ kind: 'news', news }),
  onError,
})

parentPort?.on('message', (message: ToHeartbeatThread) => {
  switch (message.kind) {
    case 'stop':
      return void stop()
    case 'hurry':
      loop.sessionChanged(message.isHurried)
  }
})
post({ kind: 'ready' })

async function stop(): Promise<void> {
  loop.stop()
  await extender.close().catch(onError)
  parentPort?.close()
}

function onError(error: unknown): void {
  const { message = String(error), code = null } = error as { message?: string; code?: string }
  post({ kind: 'error', message, code })
}

function post(message: FromHeartbeatThread): void {
  parentPort?.postMessage(message)
}
