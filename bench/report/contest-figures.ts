import type { Figure } from '../scenario.ts'

/** One system at one work with one tuning. */
export interface Measurement {
  readonly work: string
  readonly entrant: string
  readonly tuning: string
  /** `tasks/s`: more is better. `ms`: less is better. */
  readonly unit: 'tasks/s' | 'ms'
  readonly value: number
}

/** What the acceptance asks of a ratio of ours to a peer's, or to the best of all peers (`peer: null`). */
export interface WantedRatio {
  readonly work: string
  readonly peer: string | null
  readonly target: NonNullable<Figure['target']>
}

/**
 * Every measurement, and after those of a work what ours is to each peer, each at its best tuning in this run, and to
 * the best of the peers.
 */
export function contestFigures(
  own: string,
  measured: readonly Measurement[],
  wanted: readonly WantedRatio[],
): readonly Figure[] {
  const works = [...new Set(measured.map(({ work }) => work))]
  return works.flatMap((work) => {
    const ofWork = measured.filter((one) => one.work === work)
    const values = ofWork.map(
      ({ entrant, tuning, unit, value }): Figure => ({ name: `${work}: ${entrant}, ${tuning}`, unit, value }),
    )
    return [...values, ...ratios(own, work, ofWork, wanted)]
  })
}

function ratios(
  own: string,
  work: string,
  measured: readonly Measurement[],
  wanted: readonly WantedRatio[],
): readonly Figure[] {
  const ours = measured.filter(({ entrant }) => entrant === own)
  const peers = measured.filter(({ entrant }) => entrant !== own)
  if (ours.length === 0 || peers.length === 0) return []
  const names: readonly (string | null)[] = [...new Set(peers.map(({ entrant }) => entrant))]
  return (names.length > 1 ? [...names, null] : names).map((peer) => {
    const theirs = peer === null ? peers : peers.filter(({ entrant }) => entrant === peer)
    const target = wanted.find((one) => one.work === work && one.peer === peer)?.target
    return {
      name: `${work}: ${own} ÷ ${peer ?? 'the best peer'}`,
      unit: '×',
      value: best(ours) / best(theirs),
      ...(target === undefined ? {} : { target }),
    }
  })
}

/** The best value of any tuning. */
export function best(measured: readonly Measurement[]): number {
  const values = measured.map(({ value }) => value)
  return measured[0]?.unit === 'ms' ? Math.min(...values) : Math.max(...values)
}
