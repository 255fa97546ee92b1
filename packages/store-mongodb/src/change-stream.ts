import type { Clock } from '@taskyard/core'
import type { ChangeStream, Collection, Document } from 'mongodb'

export interface ChangeStreamOptions {
  readonly collection: Collection<never>
  readonly clock: Clock
  /** The server sends an empty answer after this. Milliseconds. */
  readonly awaitMs: number
  /** Something has changed; the next change is not read before it resolves. */
  onChange(): Promise<void>
  /** A stream that worked has broken, so that changes may have been missed. */
  onBroken(): void
}

export interface FollowedChanges {
  /** The server has a stream open for us. */
  isOpen(): boolean
  stop(): Promise<void>
}

/** One that worked is opened again after this; one that never did, because the server has none to give, only now and then. */
const REOPEN_MS = 1_000
const REFUSED_MS = 30_000

/** Keeps a change stream open. Whoever follows must do without it: a server may refuse it, now or from some day on. */
export function followChanges(options: ChangeStreamOptions): FollowedChanges {
  const { collection, clock, awaitMs } = options
  let stream: ChangeStream<never> | null = null
  let isOpen = false
  let stopped = false
  let wake = () => {}

  async function follow(): Promise<void> {
    while (!stopped) {
      const worked = await readToEnd()
      if (stopped) return
      if (worked) options.onBroken()
      await new Promise<void>((resolve) => {
        const cancel = clock.after(worked ? REOPEN_MS : REFUSED_MS, resolve)
        wake = () => {
          cancel()
          resolve()
        }
      })
    }
  }

  /** @returns whether it ever worked */
  async function readToEnd(): Promise<boolean> {
    let worked = false
    try {
      stream = collection.watch<never, Document>([], { maxAwaitTimeMS: awaitMs }) as ChangeStream<never>
      stream.once('resumeTokenChanged', () => {
        worked = true
        isOpen = true
      })
      for await (const _ of stream) await options.onChange()
    } catch {
      // Why it ended makes no difference: it is tried again.
    }
    isOpen = false
    await stream?.close().catch(() => {})
    return worked
  }

  void follow()
  return {
    isOpen: () => isOpen,
    async stop() {
      stopped = true
      wake()
      await stream?.close().catch(() => {})
    },
  }
}
