import type { StartOptions } from './test-server.ts'
import type { User } from './unprivileged-user.ts'

export interface Place {
  /** The server's own folder, which it may write to. */
  readonly folder: string
  readonly port: number
  readonly settings: NonNullable<StartOptions['settings']>
}

/** How one kind of server is run. */
export interface Recipe {
  readonly user: User | null
  readonly stopSignal: NodeJS.Signals
  /** Fills the folder before the first start. */
  prepare(place: Place): Promise<void>
  command(place: Place): {
    readonly command: string
    readonly args: readonly string[]
    readonly env: Readonly<Record<string, string>>
  }
  /** Whether it serves; called until it does. */
  isReady(place: Place, pid: number): Promise<boolean>
  url(place: Place): string
}
