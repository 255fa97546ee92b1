import type { Clock, TaskWaiting, WaitingReason } from '@taskyard/core'
import { pause, type ReportError } from '@taskyard/worker'
import { Turns } from './turns.ts'

const FIRST_MS = 5000
const LONGEST_MS = 60_000

/** What nobody but people can change. What else keeps a task passes by itself. */
const LASTING: ReadonlySet<string> = new Set<WaitingReason['code']>(['no_worker', 'other_queues', 'queue_paused'])

interface Looks {
  readonly clock: Clock
  waiting(id: string, signal: AbortSignal): Promise<TaskWaiting>
}

/** A task that somebody waits for, with its type where that is known. */
export interface WatchedTask {
  readonly id: string
  readonly type?: string
}

/** Tells of tasks that somebody waits for, and that nothing starts as things are: a misspelt type waits for ever. */
export class StuckTasks {
  readonly #tell: ReportError
  /** However many wait, one looks at a time: in its turn among those of its type, and types take turns. */
  readonly #turns = new Turns()

  constructor(tell: ReportError) {
    this.#tell = tell
  }

  /** Looks after 5 s, and again less and less often, down to once a minute, until the returned function is called. */
  watch(task: WatchedTask, looks: Looks): () => void {
    const ending = new AbortController()
    void this.#watch(task, looks, ending.signal)
    return () => ending.abort()
  }

  async #watch({ id, type = '' }: WatchedTask, looks: Looks, ended: AbortSignal): Promise<void> {
    let told = ''
    for (let pauseMs = FIRST_MS; !ended.aborted; pauseMs = Math.min(LONGEST_MS, pauseMs * 2)) {
      await pause(looks.clock, pauseMs, ended)
      const reason = await this.#turns.take(type, ended, () => lastingReason(id, looks, ended))
      if (reason === undefined || reason.message === told || ended.aborted) continue
      told = reason.message
      this.#tell(new Error(reason.message), 'waiting for a task')
    }
  }
}

async function lastingReason(id: string, { waiting }: Looks, ended: AbortSignal): Promise<WaitingReason | undefined> {
  try {
    return (await waiting(id, ended)).reasons.find(({ code }) => LASTING.has(code))
  } catch {
    return undefined
  }
}
