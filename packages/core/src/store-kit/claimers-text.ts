import type { Claimer, Claimers, ClaimersOfNode } from '../ports/presence.ts'

// A store keeps what a process says of its claimers as one text: nobody looks for anything in it but this.

type WorkerRow = readonly [
  id: string,
  seenAgoMs: number,
  concurrency: number | null,
  connected: 0 | 1,
  watched: 0 | 1,
  embedded: 0 | 1,
]
type Row = readonly [
  namespace: string,
  queues: readonly string[] | null,
  types: readonly string[] | null,
  isPart: 0 | 1,
  workers: readonly WorkerRow[],
]

/** As JSON. */
export function claimersText(claimers: readonly Claimers[]): string {
  return JSON.stringify(claimers.map(toRow))
}

/** Who said it, in which namespace whose claimers are wanted, and how long ago it was said. */
export interface ClaimersOrigin {
  readonly nodeId: string
  readonly namespace: string
  readonly saidAgoMs: number
}

/** In each `claimersText` that has claimers of a namespace, so that a store need not send the others. */
export function claimersMark(namespace: string): string {
  return `[${JSON.stringify(namespace)},`
}

/** What of a `claimersText` is about this namespace. What another version wrote in other words says nothing. */
export function claimersFromText(text: string, { nodeId, namespace, saidAgoMs }: ClaimersOrigin): ClaimersOfNode[] {
  if (!text.includes(claimersMark(namespace))) return []
  const elapsedMs = Math.max(0, saidAgoMs)
  return rowsOf(text)
    .filter(([own]) => own === namespace)
    .map(([, queues, types, isPart, workers]) => ({
      ...{ nodeId, namespace, queues, types, isPart: isPart === 1 },
      workers: workers.map((row) => toClaimer(row, elapsedMs)),
    }))
}

function toRow({ namespace, queues, types, isPart, workers }: Claimers): Row {
  return [
    namespace,
    queues,
    types,
    isPart ? 1 : 0,
    workers.map(({ workerId, seenAgoMs, concurrency, connected, watched, embedded }): WorkerRow => {
      return [workerId, seenAgoMs, concurrency, flag(connected), flag(watched), flag(embedded)]
    }),
  ]
}

function flag(isSet: boolean): 0 | 1 {
  return isSet ? 1 : 0
}

function toClaimer([workerId, seenAgoMs, concurrency, ...flags]: WorkerRow, elapsedMs: number): Claimer {
  const [connected, watched, embedded] = flags.map((flag) => flag === 1) as [boolean, boolean, boolean]
  return { workerId, seenAgoMs: seenAgoMs + elapsedMs, concurrency, connected, watched, embedded }
}

function rowsOf(text: string): readonly Row[] {
  try {
    const rows: unknown = JSON.parse(text)
    return Array.isArray(rows) ? rows.filter(isRow) : []
  } catch {
    return []
  }
}

function isRow(row: unknown): row is Row {
  if (!Array.isArray(row)) return false
  const [namespace, queues, types, isPart, workers] = row as unknown[]
  const hasNames = typeof namespace === 'string' && isListOrNull(queues) && isListOrNull(types)
  return hasNames && typeof isPart === 'number' && Array.isArray(workers) && workers.every(isWorkerRow)
}

function isWorkerRow(row: unknown): row is WorkerRow {
  if (!Array.isArray(row)) return false
  const [id, seenAgoMs, concurrency, ...flags] = row as unknown[]
  const hasNumbers = typeof seenAgoMs === 'number' && (concurrency === null || typeof concurrency === 'number')
  return typeof id === 'string' && hasNumbers && flags.length >= 3
}

function isListOrNull(value: unknown): boolean {
  return value === null || (Array.isArray(value) && value.every((text) => typeof text === 'string'))
}
