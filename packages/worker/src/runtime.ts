import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'

// The one module of this package that may ask the operating system for identity, timers of its own and output.

/** `<hostname>-<pid>-<6 random characters>`: unique per start, and telling to the people who read it. */
export function defaultWorkerId(): string {
  const host = hostname().replace(/[^A-Za-z0-9._-]/g, '-') || 'worker'
  return `${host.slice(0, 80)}-${process.pid}-${randomBytes(3).toString('hex')}`
}

/** Names one start of a worker: no other has it, in no process. */
export function newStartId(): string {
  return randomBytes(6).toString('hex')
}

/** Runs `callback` after the I/O that is waiting now, so that work which arrives together is handled together. */
export function soon(callback: () => void): void {
  setImmediate(callback)
}

/** An idle worker must not let its process end; call the returned function when it has stopped. */
export function keepProcessAlive(): () => void {
  const timer = setInterval(() => {}, 2 ** 31 - 1)
  return () => clearInterval(timer)
}

/** Where a worker's troubles go unless its owner takes them. */
export function warnOnConsole(error: unknown, during: string): void {
  console.warn(`taskyard worker: ${during}: ${error instanceof Error ? error.message : String(error)}`)
}
