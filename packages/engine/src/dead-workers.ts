import { type LeaseHolder, type WorkerKey, workerKey } from '@taskyard/core'
import type { Connections } from './connections.ts'
import type { EndLeases } from './end-leases.ts'
import type { EngineContext } from './engine-context.ts'
import { type AskHolders, aliveWorkers } from './lease-holders.ts'
import type { Loop, Round } from './loop.ts'
import { LOOPS } from './loops.ts'
import type { Presence } from './presence.ts'
import type { SessionGraces } from './session-graces.ts'

/** Beats that are not trusted yet may be after the next one. */
const UNTIL_TRUSTED: Round = { nextMs: LOOPS.presence.intervalMs, isProof: false }

export interface DeadWorkersParams {
  readonly connections: Connections
  readonly askHolders: AskHolders
  readonly endLeases: EndLeases
  readonly graces: SessionGraces
}

/** Where others share the store: ends, again and again, the leases of workers whose process has stopped to beat. */
export function createDeadWorkersLoop(context: EngineContext, presence: Presence, params: DeadWorkersParams): Loop {
  const { askHolders, endLeases, graces, connections } = params
  return context.loops.create('dead-workers', async () => {
    if (!presence.isTrusted()) return UNTIL_TRUSTED
    const answer = await askHolders()
    // An answer that took long may be out of date.
    if (!presence.isTrusted()) return UNTIL_TRUSTED
    graces.look(answer)
    await endLeases(deadWithTheirProcess(answer.holders, connections))
    return {}
  })
}

/** The only user of a store knows at its start that all who hold leases are gone. */
export async function endOrphanedLeasesAtStart({ askHolders, graces, connections }: DeadWorkersParams): Promise<void> {
  const answer = await askHolders()
  graces.look(answer)
  await graces.endNow(deadWithTheirProcess(answer.holders, connections))
}

function deadWithTheirProcess(holders: readonly LeaseHolder[], connections: Connections): readonly WorkerKey[] {
  const alive = aliveWorkers(holders)
  const embedded = holders.filter(({ nodeId }) => nodeId !== null).map(workerKey)
  return [...new Set(embedded)].filter((worker) => !alive.has(worker) && !connections.has(worker))
}
