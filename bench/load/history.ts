/** What a filled history looks like: queues and types in equal parts, every hundredth task failed, few of them rare. */
export const history = {
  days: 6,
  queues: Array.from({ length: 12 }, (_, n) => `history-${n}`),
  types: Array.from({ length: 20 }, (_, n) => `type-${n}`),
  failingType: 'type-failing',
  rareType: 'type-rare',
  rareTag: 'rare',
  rareEvery: 100_000,
} as const

export function typeOfTask(n: number): string {
  if (n % history.rareEvery === 0) return history.rareType
  if (n % 100 === 1) return history.failingType
  return history.types[n % history.types.length] as string
}
