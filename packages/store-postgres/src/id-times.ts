import type { Database } from './database.ts'

/** Below every UUIDv7 of this time (ms) or later, and above all before. */
export function firstIdAt(time: number): string {
  const hex = Math.min(Math.max(0, Math.floor(time)), 2 ** 48 - 1)
    .toString(16)
    .padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`
}

/** The time in a UUIDv7, ms. */
export function timeOfId(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
}

/**
 * How far the ids of submitting machines have been from the server's clock. Filters by time look at ids, so they allow
 * for as much.
 */
export interface IdSkew {
  /** Notes the skew of tasks just stored; writes only when there was none as large before. */
  note(id: string, now: number): Promise<void>
  /** Milliseconds. */
  largest(): Promise<number>
}

/** Remembers the largest skew that it has seen, so that `note` mostly asks nobody. */
export function createIdSkew({ run }: Database): IdSkew {
  let known = 0
  async function largest(): Promise<number> {
    const [row] = await run<[string]>('SELECT max_ms FROM @id_skew')
    known = Number(row?.[0] ?? 0)
    return known
  }
  return {
    largest,
    async note(id, now) {
      const skew = Math.abs(timeOfId(id) - now)
      if (!(skew > known) || skew <= (await largest())) return
      await run('UPDATE @id_skew SET max_ms = greatest(max_ms, $1)', [skew * 2])
    },
  }
}
