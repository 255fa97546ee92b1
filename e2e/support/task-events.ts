import type { Client } from '@taskyard/client'
import type { TaskEventKind } from '@taskyard/core'

const TIMEOUT_MS = 60_000

/** Resolves when the history of a task has an entry of this kind. */
export async function untilEvent(client: Client, id: string, kind: TaskEventKind): Promise<void> {
  const kinds: string[] = []
  for await (const event of client.watch(id, { signal: AbortSignal.timeout(TIMEOUT_MS) })) {
    if (event.kind === kind) return
    kinds.push(event.kind)
  }
  throw new Error(`task ${id} was not ${kind}, but ${kinds.join(', ')}`)
}
