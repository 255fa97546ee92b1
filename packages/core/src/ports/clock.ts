/** Where time comes from. Only the runtime's own implementation may ask the operating system. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
  /** Milliseconds of a clock that nobody sets, since any moment. Left out: nobody sets `now` either. */
  monotonic?(): number
  /** Calls back once after `delayMs`; the returned function calls it off. A pending timer does not keep a process alive. */
  after(delayMs: number, callback: () => void): () => void
}
