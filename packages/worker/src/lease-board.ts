import type { LeaseRef } from '@taskyard/core'

const ID_BYTES = 36
const SLOT_BYTES = 24 + ID_BYTES
const TICK_BYTES = 4

/** A held lease as the heartbeat thread sees it. `generation` differs from every earlier use of the slot. */
export interface HeldLease extends LeaseRef {
  readonly slot: number
  readonly generation: number
}

/**
 * The leases a worker holds, in memory shared with its heartbeat thread: taking and dropping one costs nanoseconds and
 * no message, and the thread sees them while the main thread is blocked.
 *
 * Only the main thread writes leases. A slot's generation is odd while a lease is in it and rises with every change, so
 * a reader that finds the same odd generation before and after copying has a consistent lease, and an answer about a
 * lease that has left its slot meanwhile is recognised.
 */
export class LeaseBoard {
  readonly buffer: SharedArrayBuffer
  readonly slots: number
  readonly #generations: Int32Array
  readonly #answeredGenerations: Int32Array
  readonly #tokens: Float64Array
  readonly #answeredAt: Float64Array
  readonly #ids: Buffer
  readonly #ticks: Int32Array

  constructor(buffer: SharedArrayBuffer, slots: number) {
    this.buffer = buffer
    this.slots = slots
    this.#tokens = new Float64Array(buffer, 0, slots)
    this.#answeredAt = new Float64Array(buffer, slots * 8, slots)
    this.#generations = new Int32Array(buffer, slots * 16, slots)
    this.#answeredGenerations = new Int32Array(buffer, slots * 20, slots)
    this.#ids = Buffer.from(buffer, slots * 24, slots * ID_BYTES)
    this.#ticks = new Int32Array(buffer, slots * SLOT_BYTES, 1)
  }

  static create(slots: number): LeaseBoard {
    return new LeaseBoard(new SharedArrayBuffer(slots * SLOT_BYTES + TICK_BYTES), slots)
  }

  /** Puts a lease into a free slot. Main thread only. */
  hold(slot: number, taskId: string, token: number): void {
    if (taskId.length > ID_BYTES) throw new RangeError(`task id ${taskId} is longer than ${ID_BYTES} characters`)
    const start = slot * ID_BYTES
    const written = this.#ids.write(taskId, start, ID_BYTES, 'latin1')
    if (written < ID_BYTES) this.#ids.fill(0, start + written, start + ID_BYTES)
    this.#tokens[slot] = token
    Atomics.add(this.#generations, slot, 1)
  }

  /** Empties a slot. Main thread only. */
  release(slot: number): void {
    Atomics.add(this.#generations, slot, 1)
  }

  generation(slot: number): number {
    return Atomics.load(this.#generations, slot)
  }

  /** The lease in a slot; `null` when there is none or it is changing right now. */
  read(slot: number): HeldLease | null {
    const generation = Atomics.load(this.#generations, slot)
    if ((generation & 1) === 0) return null
    const start = slot * ID_BYTES
    const taskId = this.#ids.toString('latin1', start, start + ID_BYTES).replace(/\0+$/, '')
    const token = this.#tokens[slot] as number
    if (Atomics.load(this.#generations, slot) !== generation) return null
    return { slot, generation, taskId, token }
  }

  /** Notes when a heartbeat for this lease was answered, ms. Heartbeat thread only. */
  noteAnswer(lease: HeldLease, at: number): void {
    this.#answeredAt[lease.slot] = at
    Atomics.store(this.#answeredGenerations, lease.slot, lease.generation)
  }

  /** When the last heartbeat of the slot's present lease was answered, ms; `null` before the first. */
  answeredAt(slot: number): number | null {
    if (Atomics.load(this.#answeredGenerations, slot) !== this.generation(slot)) return null
    return this.#answeredAt[slot] as number
  }

  /** Says that the main thread's event loop turns. Main thread only. */
  tick(): void {
    Atomics.add(this.#ticks, 0, 1)
  }

  /** A number that changes with every tick of the main thread. */
  ticks(): number {
    return Atomics.load(this.#ticks, 0)
  }
}
