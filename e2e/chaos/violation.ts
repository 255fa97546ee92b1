/** One broken promise, about one task (or key), in words. */
export interface Violation {
  readonly subject: string
  readonly what: string
}
