import { setTimeout as sleep } from 'node:timers/promises'
import { isTerminal, type TaskWaiting, type WaitingReason } from '@taskyard/core'
import type { ServerCommand } from './server-command.ts'
import { waitingRemark } from './waiting-lines.ts'

const FIRST_MS = 2000
const LONGEST_MS = 10_000

/**
 * Says on stderr why a task does not run, while somebody waits for it: after 2 s, and again when there is another reason. What is
 * returned ends it. A server that does not answer, or knows no reasons, spoils nothing.
 * @param remarked called after each remark
 */
export function remarkWhyWaiting(server: ServerCommand, id: string, remarked: () => void = () => {}): () => void {
  const ending = new AbortController()
  void remark(server, id, remarked, ending.signal).catch(() => {})
  return () => ending.abort()
}

/** Why a task does not run. A server that does not say, such as one of the version before, spoils nothing. */
export async function reasonsOf({ client }: ServerCommand, id: string): Promise<readonly WaitingReason[]> {
  return (await client.waiting(id).catch(() => null))?.reasons ?? []
}

async function remark(
  { client, printer, progress }: ServerCommand,
  id: string,
  remarked: () => void,
  signal: AbortSignal,
): Promise<void> {
  let told: string | null = null
  for (let pauseMs = FIRST_MS; ; pauseMs = Math.min(LONGEST_MS, pauseMs * 1.5)) {
    await sleep(pauseMs, null, { signal, ref: false })
    const waiting = await client.waiting(id).catch(() => null)
    if (signal.aborted || (waiting !== null && isTerminal(waiting.status))) return
    const reason = waiting?.reasons[0]
    if (waiting === null || reason === undefined) continue
    const key = keyOf(waiting)
    // That it runs is news only to who was told that it does not.
    const isNews = key !== told && !(told === null && reason.code === 'running')
    if (!isNews) continue
    told = key
    progress.clear()
    printer.note(waitingRemark(reason))
    remarked()
  }
}

/** What makes it another reason: not that numbers change while it lasts. */
function keyOf({ reasons: [first] }: TaskWaiting): string {
  return first === undefined ? '' : JSON.stringify([first.code, 'attempt' in first ? Number(first.attempt) : null])
}
