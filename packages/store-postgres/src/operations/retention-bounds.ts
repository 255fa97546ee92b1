/** What ended until these times (ms) is over. */
export interface Bounds {
  /** For tasks that succeeded or were cancelled. */
  readonly succeededUntil: number
  readonly failedUntil: number
}

/** A condition on rows of `finished`. */
export function isOver({ succeededUntil, failedUntil }: Bounds, prefix = ''): string {
  return isOverAt(String(Math.floor(succeededUntil)), String(Math.floor(failedUntil)), prefix)
}

/** The same with expressions for the bounds. */
export function isOverAt(succeededUntil: string, failedUntil: string, prefix = ''): string {
  return `${prefix}finished_at <= CASE ${prefix}status WHEN 2 THEN ${failedUntil} ELSE ${succeededUntil} END`
}
