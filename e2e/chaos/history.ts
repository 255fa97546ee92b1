import { appendFileSync, closeSync, openSync, readFileSync, writeSync } from 'node:fs'

/**
 * What happened in a chaos run, one JSON object a line. Written by the parties that saw it: the load, the proxies
 * between workers and server, the workers themselves, the one who kills. `at` is in milliseconds of one clock that all
 * processes of the machine share and that never steps.
 */
export type HistoryEvent =
  | RunEvent
  | SubmitEvent
  | AcknowledgeEvent
  | ClaimEvent
  | ExtendEvent
  | StartEvent
  | SettleEvent
  | RecordEvent
  | FaultEvent
  | CrashEvent
  | ServerEvent
  | DatabaseEvent
  | EmbeddedRunEvent
  | FinalEvent
  | EndEvent

/** The first line: what the checker needs to know of the settings. */
export interface RunEvent {
  readonly e: 'run'
  readonly at: number
  readonly seed: number
  readonly leaseMs: number
  readonly sessionGraceMs: number
  /** How much later than the end of grace or lease a task may start again. */
  readonly recoveryMs: number
  /**
   * How long the death of a server may go unnoticed by the others on its store; `null`: it has the store for itself, and
   * its successor knows.
   */
  readonly nodeGraceMs: number | null
  /** After the return of the database workers run again within this. */
  readonly outageMs: number
}

/** A submission leaves. Several keys: one batch, all or nothing. The same key may leave many times. */
export interface SubmitEvent {
  readonly e: 'submit'
  readonly at: number
  readonly keys: readonly string[]
}

/** A 202 came back. */
export interface AcknowledgeEvent {
  readonly e: 'ack'
  readonly at: number
  readonly key: string
  readonly id: string
}

/** The server answered a claim with tasks; whether the worker lived to read it is another matter. */
export interface ClaimEvent {
  readonly e: 'claim'
  readonly sentAt: number
  readonly at: number
  readonly worker: string
  readonly tasks: readonly { readonly id: string; readonly token: number; readonly key: string | null }[]
}

/** The server answered a heartbeat with `ok` for these leases. */
export interface ExtendEvent {
  readonly e: 'extend'
  readonly sentAt: number
  readonly at: number
  readonly worker: string
  readonly leases: readonly { readonly id: string; readonly token: number }[]
}

/** A handler's first line, written by the worker before it does anything else. */
export interface StartEvent {
  readonly e: 'start'
  readonly at: number
  readonly worker: string
  readonly id: string
  readonly token: number
  readonly attempt: number
  readonly key: string
}

/** `unknown`: the connection broke before the answer, or the answer was that the store is away. */
export type WriteAnswer = 'ok' | 'lost' | 'unknown'

export interface SettleEvent {
  readonly e: 'settle'
  readonly sentAt: number
  readonly at: number
  readonly worker: string
  readonly id: string
  readonly token: number
  readonly outcome: 'succeeded' | 'failed' | 'cancelled' | 'released'
  readonly answer: WriteAnswer
}

export interface RecordEvent {
  readonly e: 'record'
  readonly sentAt: number
  readonly at: number
  readonly worker: string
  readonly id: string
  readonly token: number
  readonly answer: WriteAnswer
}

export interface FaultEvent {
  readonly e: 'fault'
  readonly at: number
  /** `stop` and `continue` are SIGSTOP and SIGCONT, `drain` a request to end, `cut` a broken connection. */
  readonly kind: 'kill' | 'stop' | 'continue' | 'drain' | 'cut'
  /** `server-1`, `server-2`, …, `database`, `load`, or a worker's id. */
  readonly target: string
  readonly point: string
}

/** A server or a worker ended although nobody killed it or asked it to. */
export interface CrashEvent {
  readonly e: 'crash'
  readonly at: number
  readonly target: string
  readonly how: string
}

/** `up`: it answered that it is ready; `down`: it is about to be killed or drained, or ended by itself. */
export interface ServerEvent {
  readonly e: 'server'
  readonly at: number
  readonly server: string
  readonly state: 'up' | 'down'
}

/** `up`: it serves; `down`: it is about to be killed or ended. */
export interface DatabaseEvent {
  readonly e: 'database'
  readonly at: number
  readonly state: 'up' | 'down'
}

/** One attempt of a server's embedded worker, read back from the task's events. */
export interface EmbeddedRunEvent {
  readonly e: 'embedded-run'
  readonly id: string
  readonly server: string
  readonly attempt: number
  readonly startedAt: number
  /** `null`: the attempt never ended by its worker's word. */
  readonly endedAt: number | null
  readonly end: string | null
}

/** A task as the API shows it after everything has calmed down. */
export interface FinalEvent {
  readonly e: 'final'
  readonly at: number
  readonly id: string
  readonly key: string
  readonly status: string
  readonly code: string | null
  /** What the submitter wanted to become of it. */
  readonly wanted: 'succeeded' | 'failed'
  /** The token in the result, of the attempt whose result was kept. */
  readonly resultToken: number | null
  readonly attempt: number
  readonly crashes: number
}

/** The last line: the read-back is complete. */
export interface EndEvent {
  readonly e: 'end'
  readonly at: number
}

/** Milliseconds of CLOCK_MONOTONIC, which all processes of a machine share. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

export type WriteHistory = (event: HistoryEvent) => void

/** Each event is handed to the kernel before the call returns, so that it survives a kill -9 of this process. */
export function openHistory(path: string): { write: WriteHistory; close(): void } {
  const file = openSync(path, 'a')
  return {
    write: (event) => {
      writeSync(file, `${JSON.stringify(event)}\n`)
    },
    close: () => closeSync(file),
  }
}

/** Reads histories of several writers into one, by time. A last line cut short by a kill is left out. */
export function readHistory(paths: readonly string[]): readonly HistoryEvent[] {
  const events = paths.flatMap((path) => readFileSync(path, 'utf8').split('\n').flatMap(parseLine))
  return events.toSorted((a, b) => timeOf(a) - timeOf(b))
}

/** Puts histories into one file, in order. */
export function writeWhole(path: string, events: readonly HistoryEvent[]): void {
  for (let from = 0; from < events.length; from += 10_000) {
    const lines = events.slice(from, from + 10_000).map((event) => `${JSON.stringify(event)}\n`)
    appendFileSync(path, lines.join(''))
  }
}

export function timeOf(event: HistoryEvent): number {
  return event.e === 'embedded-run' ? event.startedAt : event.at
}

function parseLine(line: string): HistoryEvent[] {
  if (line === '') return []
  try {
    return [JSON.parse(line) as HistoryEvent]
  } catch {
    return []
  }
}
