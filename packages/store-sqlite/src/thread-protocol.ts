import type { MessagePort } from 'node:worker_threads'
import type { ErrorCode, ReadyLane, Violation } from '@taskyard/core'
import type { Call } from './group-commit.ts'

export type CallMessage = Omit<Call, 'now'> & {
  readonly kind: 'call'
  readonly id: number
  /** `null`: what the thread takes it to be, by the last call of the one who knows. */
  readonly now: number | null
}

export type ThreadMessage =
  | CallMessage
  | { readonly kind: 'copy'; readonly id: number; readonly to: string }
  | { readonly kind: 'connect'; readonly port: MessagePort }
  | { readonly kind: 'stop'; readonly id: number }

/** An error with its message already filled in. */
export interface WireError {
  readonly code: ErrorCode
  readonly message: string
  readonly violations: readonly Violation[]
}

/** The answer to call `id`. Id 0 is the start of the thread. */
export type Reply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: WireError }

/** What became of a transaction: a message costs more than what is in it. */
export interface RepliesMessage {
  readonly replies: readonly Reply[]
  /** The lanes that got ready tasks, for the one who opened the store; `null`: none. */
  readonly ready: readonly ReadyLane[] | null
}
