import { parentPort, workerData } from 'node:worker_threads'
import type { LeaseExtender } from '@taskyard/core'
import { systemClock, systemRandom } from '@taskyard/core/runtime'
import type { FromHeartbeatThread, HeartbeatThreadData, ToHeartbeatThread } from './heartbeat-messages.ts'
import { HeartbeatRounds } from './heartbeat-rounds.ts'
import { LeaseBoard } from './lease-board.ts'

// The entry of the heartbeat thread: it keeps leases alive while a handler blocks the main thread's event loop.

const { module, data, board, slots, leaseMs } = workerData as HeartbeatThreadData
const { openLeaseExtender } = (await import(module)) as {
  openLeaseExtender(data: unknown): LeaseExtender | Promise<LeaseExtender>
}
const extender = await openLeaseExtender(data)
const rounds = new HeartbeatRounds({
  board: new LeaseBoard(board, slots),
  extender,
  leaseMs,
  clock: systemClock,
  random: systemRandom,
  onNews: (news) => tell({ kind: 'news', news }),
  onTrouble,
})

let stopped = false
/** `null`: a round is under way. */
let callOffNext: (() => void) | null = null
parentPort?.on('message', (message: ToHeartbeatThread) => {
  switch (message.kind) {
    case 'stop':
      return void stop()
    case 'hurry':
      rounds.isHurried = message.isHurried
      beatNow()
  }
})
tell({ kind: 'ready' })
void beat()

function beatNow(): void {
  if (callOffNext === null) return
  callOffNext()
  void beat()
}

async function beat(): Promise<void> {
  callOffNext = null
  const waitMs = await rounds.run()
  if (!stopped) callOffNext = systemClock.after(waitMs, () => void beat())
}

async function stop(): Promise<void> {
  stopped = true
  callOffNext?.()
  await extender.close().catch(onTrouble)
  parentPort?.close()
}

function onTrouble(error: unknown): void {
  const { message = String(error), code = null } = error as { message?: string; code?: string }
  tell({ kind: 'trouble', message, code })
}

function tell(message: FromHeartbeatThread): void {
  parentPort?.postMessage(message)
}
