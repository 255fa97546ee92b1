import type { QueueDocument } from '@taskyard/client'
import type { StuckQueues } from '@taskyard/core'
import type { Configuration } from '../../configuration/read-configuration.ts'
import type { Terminal } from '../terminal.ts'

export interface Examined {
  readonly configuration: Configuration
  readonly terminal: Terminal
  /** The server this configuration would talk to, where one answers. */
  readonly server: AnsweringServer | null
  readonly url: string
  readonly namespace: string
}

export interface AnsweringServer {
  readonly isTaskyard: boolean
  readonly version: string | null
  /** Such as `sqlite`; `null`: it does not say. */
  readonly storeKind: string | null
  readonly ready: boolean
  readonly reason: string | null
  /** Its clock less ours, ms. */
  readonly clockOffsetMs: number | null
  readonly queues: readonly QueueDocument[]
  /** `null`: it does not say. */
  readonly stuck: StuckQueues | null
}
