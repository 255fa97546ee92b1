/** How long something took that should be quick. */
export interface Judgement {
  /** Of a task, or of a worker. */
  readonly id: string
  /** Milliseconds; `null`: it never happened. */
  readonly timeMs: number | null | 'not judged'
  /** What it follows, in words. */
  readonly fault: string
}

/** Where servers or database were disturbed in the time that counts, a start in time still counts, a later one says nothing. */
export function ifJudged(time: number | null, limitMs: number, seen: boolean): Judgement['timeMs'] {
  return seen || (time !== null && time <= limitMs) ? time : 'not judged'
}
