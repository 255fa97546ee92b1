import { TaskFailure } from '@taskyard/core'

/** One way an attempt can fail: whether another attempt can help, and when it happens (for the reference page). */
export interface FailureKind {
  readonly retryable: boolean
  readonly when: string
}

/** Error codes of a task type. Codes are stable: a retired code is never used again. */
export type FailureCatalogue = Readonly<Record<string, FailureKind>>

export const COMMON_FAILURES = {
  invalid_payload: {
    retryable: false,
    when: 'the payload does not fit the type; normally refused at submission already',
  },
} as const satisfies FailureCatalogue

/** The failure of a catalogue's code; whether it is retried comes from the catalogue. */
export function failureOf<Catalogue extends FailureCatalogue>(
  catalogue: Catalogue,
  code: keyof Catalogue & string,
  message: string,
  options: { readonly retryDelaySeconds?: number; readonly cause?: unknown } = {},
): TaskFailure {
  const { retryable } = catalogue[code] as FailureKind
  return new TaskFailure(message, { code, retryable, ...options })
}
