/** The functions that look for ready tasks of every queue: where lanes begin as is noted, or in all lanes. */
export type ClaimWay = 'claim_tasks_4' | 'claim_tasks_3'

/** Claims by notes that take no longer are quick enough. Milliseconds. */
const SLOW_MS = 100
/** Looks at all lanes are preferred where they take less than this part of what claims by notes take. */
const FAR_QUICKER = 1 / 2
/** From one try of the way that is not preferred to the next. Milliseconds. */
const AGAIN_MS = 10_000
/** A way is judged by the median of its last times; before there are so many, they say nothing. */
const TIMES = 3

/**
 * Which way claims of every queue go. Notes lead to the first tasks whatever the number of lanes. But while a transaction that stays
 * open keeps dead rows from being removed, those of notes may come to be more than there are lanes: then a claim is to take no
 * longer than a look at every lane. The one way is compared with the other, since both may be slow for a reason that they share.
 */
export interface ClaimWays {
  /** A claim begins. One at a time tries the way that is not preferred; of each way one at a time is timed, so that what holds up many counts once. */
  begin(): ClaimRun
}

/** A claim of every queue under way. */
export interface ClaimRun {
  readonly way: ClaimWay
  /** The server begins with it, since what goes before in the same transaction is done. */
  start(): void
  /** Its answer is there. */
  answered(): void
  /** Nothing more comes. What was not answered has failed: then it counts how long it was waited for, where that was long. */
  end(): void
}

/** @param nowMs a monotonic clock, ms */
export function createClaimWays(nowMs: () => number): ClaimWays {
  const notes = createTimes('claim_tasks_4', 0)
  const lanes = createTimes('claim_tasks_3', Number.POSITIVE_INFINITY)
  const preferred = () => (areLanesFarQuicker(notes.median(), lanes.median()) ? lanes : notes)

  function choose(): Times {
    const [one, other] = preferred() === notes ? [notes, lanes] : [lanes, notes]
    return notes.median() > SLOW_MS && !other.isTimed && nowMs() >= other.dueAt ? other : one
  }

  /** A try that says the opposite of what is known is followed by the next at once. */
  function note(times: Times, ms: number): void {
    const before = preferred()
    const [ofNotes, ofLanes] = times === notes ? [ms, lanes.median()] : [notes.median(), ms]
    const isSurprising = (areLanesFarQuicker(ofNotes, ofLanes) ? lanes : notes) !== before
    times.add(ms)
    times.dueAt = isSurprising ? nowMs() : nowMs() + AGAIN_MS
  }

  return {
    begin() {
      const times = choose()
      if (times.isTimed) return untimed(times.way)
      times.isTimed = true
      let startedAt = Number.POSITIVE_INFINITY
      let isOver = false
      const end = (isAnswered: boolean) => {
        if (isOver) return
        isOver = true
        times.isTimed = false
        const ms = nowMs() - startedAt
        if (isAnswered || ms > SLOW_MS) note(times, ms)
        else times.dueAt = nowMs() + AGAIN_MS
      }
      return {
        way: times.way,
        start() {
          startedAt = nowMs()
        },
        answered: () => end(true),
        end: () => end(false),
      }
    },
  }
}

/** A claim that goes this way, and of which no time counts. */
export function untimed(way: ClaimWay): ClaimRun {
  return { way, start() {}, answered() {}, end() {} }
}

function areLanesFarQuicker(notesMs: number, lanesMs: number): boolean {
  return notesMs > SLOW_MS && lanesMs < notesMs * FAR_QUICKER
}

interface Times {
  readonly way: ClaimWay
  /** A claim that goes this way is being timed. */
  isTimed: boolean
  /** Not tried before, while the other way is preferred. */
  dueAt: number
  add(ms: number): void
  median(): number
}

/** @param unknown the median as long as there are too few times */
function createTimes(way: ClaimWay, unknown: number): Times {
  let last: number[] = []
  return {
    way,
    isTimed: false,
    dueAt: Number.NEGATIVE_INFINITY,
    add(ms) {
      last = [...last, ms].slice(-TIMES)
    },
    median: () => (last.length < TIMES ? unknown : (last.toSorted((one, other) => one - other)[TIMES >> 1] as number)),
  }
}
