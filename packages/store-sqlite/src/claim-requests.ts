import type { StatementSync } from 'node:sqlite'

/** The name of a claim: what a worker calls it, within a namespace. */
export interface ClaimName {
  readonly namespace: string
  readonly workerId: string
  readonly requestId: string
}

/** Leases remembered before those that have ended are let go of. */
const LEAST_REMEMBERED = 100_000

/**
 * Which tasks each named claim gave, in memory: an index in the file would cost every lease two more writes. The leases carry
 * the name themselves, so what is remembered of leases that have ended does no harm, and is let go of from time to time.
 */
export class ClaimRequests {
  readonly #sql: (text: string) => StatementSync
  #given = new Map<string, number[]>()
  #remembered = 0
  #mostRemembered = LEAST_REMEMBERED

  constructor(sql: (text: string) => StatementSync) {
    this.#sql = sql
    this.#read()
  }

  /** Claims that are remembered. */
  get size(): number {
    return this.#given.size
  }

  /** Called when the leases are written. */
  set(name: ClaimName, seqs: readonly number[]): void {
    this.#given.set(keyOf(name), [...seqs])
    this.#remembered += seqs.length
    if (this.#remembered > this.#mostRemembered) this.#read()
  }

  /** The tasks that this claim gave and whose leases hold. */
  get(name: ClaimName): readonly number[] {
    const seqs = this.#given.get(keyOf(name))
    if (seqs === undefined) return []
    const held = this.#sql(
      `SELECT seq FROM leases WHERE seq IN (SELECT value FROM json_each(?)) AND request_id = ? AND worker_id = ?`,
    ).all(JSON.stringify(seqs), name.requestId, name.workerId) as unknown as [number][]
    return held.map(([seq]) => seq)
  }

  /** What the leases say, which is all that is needed. */
  #read(): void {
    const named = this.#sql(
      `SELECT namespace, worker_id, request_id, seq FROM leases JOIN lanes USING (lane) WHERE request_id IS NOT NULL`,
    ).all() as unknown as [string, string, string, number][]
    const given = Map.groupBy(named, ([namespace, workerId, requestId]) => keyOf({ namespace, workerId, requestId }))
    this.#given = new Map([...given].map(([key, leases]) => [key, leases.map(([, , , seq]) => seq)]))
    this.#remembered = named.length
    this.#mostRemembered = Math.max(LEAST_REMEMBERED, 2 * named.length)
  }
}

function keyOf({ namespace, workerId, requestId }: ClaimName): string {
  return `${namespace}\n${workerId}\n${requestId}`
}
