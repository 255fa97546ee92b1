/** Best-effort news between processes. Losing a message costs latency, never correctness. */
export type NewsMessage =
  | { readonly kind: 'changed'; readonly taskId: string; readonly terminal: boolean }
  | { readonly kind: 'cancel-requested'; readonly taskId: string; readonly workerId: string | null }

export interface NewsPort {
  publish(message: NewsMessage): void
  /** Calls `listener` for every message until the returned function is called. */
  subscribe(listener: (message: NewsMessage) => void): () => void
}
