/** A JSON object of exactly 200 bytes as text: the payload of every throughput figure. */
export const payload200 = { text: 'x'.repeat(200 - '{"text":""}'.length) } as const

/** The type the benchmarks submit: no built-in worker handles it. */
export const benchType = 'bench'
export const benchQueue = 'bench'

export function taskBody(): string {
  return JSON.stringify({ type: benchType, queue: benchQueue, payload: payload200 })
}

export function batchBody(size: number): string {
  const task = { type: benchType, queue: benchQueue, payload: payload200 }
  return JSON.stringify({ tasks: Array.from({ length: size }, () => task) })
}
