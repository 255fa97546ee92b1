/** Word that tasks are ready. */
export interface WakeUpsPort {
  /**
   * Calls `listener` when tasks may have become ready, or are about to: a claim made at once gets them, or another call
   * follows. Best effort. The returned function stops it.
   */
  subscribe(listener: ReadyListener): () => void
}

export interface ReadyLane {
  readonly namespace: string
  readonly queue: string
  readonly type: string
}

export type ReadyListener = (lanes: readonly ReadyLane[]) => void
