import type { Clock, Random, TaskHandler, Violation } from '@taskyard/core'
import type { FailureCatalogue } from './failure.ts'
import type { LookupAll } from './http-request/guarded-connect.ts'

/** What the built-in task types are made of. They read no environment and own nothing that is passed in. */
export interface TaskTypeDeps {
  readonly clock: Clock
  readonly random: Random
  /** `smtp://user:password@host:587` or `smtps://…`; `null`: every `email` fails with `smtp_not_configured`. */
  readonly smtpUrl: string | null
  /** Sender of emails that name none. Default: the user of `smtpUrl` if it is an address, else `taskyard@localhost`. */
  readonly defaultFrom?: string
  /**
   * Addresses outside the public internet that `http-request` may connect to: CIDRs or single addresses, or `true` for
   * all. Default: none.
   */
  readonly allowPrivateAddresses?: boolean | readonly string[]
  /** How `http-request` finds the addresses of a host. Default: the operating system's resolver. */
  readonly lookup?: LookupAll
  /**
   * Whether a handler may block the event loop when its task asks for it: only where nothing else runs on it. Default:
   * `false`.
   */
  readonly mayBlock?: boolean
  /** When `http-request` stops calling a host that keeps failing. Default: 5 failures in a row, for 30 seconds. */
  readonly circuit?: { readonly failures: number; readonly openSeconds: number }
}

/** A built-in kind of task: what it takes, how it can fail, and the code that runs it. */
export interface TaskType {
  readonly type: string
  readonly title: string
  readonly description: string
  /** JSON Schema, draft 2020-12, of the payload. Every property has a description. */
  readonly schema: PayloadSchema
  /** What the schema cannot express. Called only with payloads that fit it. */
  readonly check?: (payload: unknown) => readonly Violation[]
  /** The error codes of failed attempts, beside `invalid_payload`, which every type has. */
  readonly failures: FailureCatalogue
  /** @throws TaskyardError `invalid_configuration` when the dependencies cannot work */
  createHandler(deps: TaskTypeDeps): OpenHandler
}

export type PayloadSchema = { readonly [keyword: string]: unknown }

/** A handler with the connections it keeps. */
export interface OpenHandler {
  /** Runs attempts whose payload fits the type. Rejects with `TaskFailure`. */
  // biome-ignore lint/suspicious/noExplicitAny: each handler names the payload of its own schema
  readonly run: TaskHandler<any>
  /** Closes what the handler keeps open. Attempts still running fail. */
  close(): Promise<void>
}

/** A handler that keeps nothing open. */
// biome-ignore lint/suspicious/noExplicitAny: each handler names the payload of its own schema
export function statelessHandler(run: TaskHandler<any>): OpenHandler {
  return { run, close: async () => {} }
}

/** A handler that is opened by its first attempt, so that nothing it needs is loaded before. */
export function lazyHandler(open: () => Promise<OpenHandler>): OpenHandler {
  let opened: Promise<OpenHandler> | undefined
  return {
    async run(task, context) {
      opened ??= open()
      return (await opened).run(task, context)
    },
    async close() {
      await (await opened)?.close()
    },
  }
}
