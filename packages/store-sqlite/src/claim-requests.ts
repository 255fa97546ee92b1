import type { StatementSync } from 'node:sqlite'

/** The name of a claim: what a worker calls it, within a namespace. */
export interface ClaimName {
  readonly namespace: string
  readonly workerId: string
  readonly requestId: string
}

type LeaseKey = readonly [seq: number, token: number]

const FIRST_CLEANING = 1024

/**
 * Which leases each named claim gave, in memory: an index in the file would cost every lease two more writes. Leases say
 * themselves by which name they were given; names whose leases have all ended are forgotten from time to time.
 */
export class ClaimRequests {
  readonly #sql: (text: string) => StatementSync
  readonly #leases = new Map<string, LeaseKey[]>()
  #cleanAt = FIRST_CLEANING

  constructor(sql: (text: string) => StatementSync) {
    this.#sql = sql
    const named = sql(
      `SELECT namespace, worker_id, request_id, seq, token FROM leases JOIN lanes USING (lane) WHERE request_id IS NOT NULL`,
    ).all() as unknown as [string, string, string, number, number][]
    for (const [namespace, workerId, requestId, seq, token] of named) {
      const key = keyOf({ namespace, workerId, requestId })
      this.#leases.set(key, [...(this.#leases.get(key) ?? []), [seq, token]])
    }
  }

  /** Claims that are remembered. */
  get size(): number {
    return this.#leases.size
  }

  set(name: ClaimName, leases: readonly LeaseKey[]): void {
    this.#leases.set(keyOf(name), [...leases])
    if (this.#leases.size >= this.#cleanAt) this.#clean()
  }

  /** Numbers of the tasks whose leases this claim gave and that hold. */
  get(name: ClaimName): readonly number[] {
    const given = this.#leases.get(keyOf(name)) ?? []
    return given.filter((lease) => this.#holds(lease)).map(([seq]) => seq)
  }

  #holds([seq, token]: LeaseKey): boolean {
    return this.#sql('SELECT 1 FROM leases WHERE seq = ? AND token = ?').get(seq, token) !== undefined
  }

  #clean(): void {
    for (const [key, leases] of this.#leases) {
      if (!leases.some((lease) => this.#holds(lease))) this.#leases.delete(key)
    }
    this.#cleanAt = Math.max(FIRST_CLEANING, 2 * this.#leases.size)
  }
}

function keyOf({ namespace, workerId, requestId }: ClaimName): string {
  return `${namespace}\n${workerId}\n${requestId}`
}
