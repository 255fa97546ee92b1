export const SERVER_KINDS = ['postgres', 'redis', 'mongodb'] as const
export type ServerKind = (typeof SERVER_KINDS)[number]

/** A real server on a loopback port of its own, data in a temporary folder. It ends with this process at the latest. */
export interface TestServer {
  readonly kind: ServerKind | 'pgbouncer'
  /** The same for the server's whole life, over restarts. */
  readonly url: string
  /** What programs that came with the server need in their environment, beside the present one. */
  readonly environment: Readonly<Record<string, string>>
  /** Of the server's first process; changes with each start. */
  readonly pid: number
  /** Asks it to end, as an operator would: what is running may finish. Resolves when it has ended. */
  stop(): Promise<void>
  /** Kills it as a power failure would: connections break, nothing is finished. Resolves when no process of it lives. */
  kill(): Promise<void>
  /** Starts it again, on the same port, with the same data. Resolves when it serves. */
  start(): Promise<void>
  /** Freezes it: connections stay open and nobody answers. */
  pause(): void
  resume(): void
  /** Kills it and removes its data. */
  destroy(): Promise<void>
}

export interface StartOptions {
  /** Settings by the server's own names, over those of `startServer`. Not for `mongodb`. */
  readonly settings?: Readonly<Record<string, string>>
}
