import { setTimeout as delay } from 'node:timers/promises'
import { batchBody, taskBody } from '../load/payload.ts'
import { assertQueued } from '../load/queue-counts.ts'
import { postInBatches } from '../load/submit.ts'
import { residentMemory, startTaskyard } from '../processes/server.ts'
import type { Scenario } from '../scenario.ts'

const defaults = { tasks: 1_000_000, seconds: 15 }

export const memory: Scenario = {
  name: 'memory',
  summary: 'memory of the server with a million queued tasks, above idle',
  settings(options) {
    const { tasks, seconds } = { ...defaults, ...options }
    return [
      `${tasks.toLocaleString('en-US')} tasks with a 200-byte payload, submitted over HTTP in batches of 1,000 on 4 connections`,
      'idle: 3 s after one task and one batch were submitted, so that code and buffers are loaded',
      `resident memory (VmRSS) ${seconds} s after the last acknowledgement; own pages: RssAnon; peak: VmHWM`,
    ]
  },
  async run({ directory, options, tell }) {
    const { tasks, seconds } = { ...defaults, ...options }
    const server = await startTaskyard(directory)
    try {
      await postInBatches(server.url, [taskBody(), batchBody(1000)])
      await delay(3000)
      const idle = residentMemory(server.pid)
      const batches = Array.from({ length: Math.ceil(tasks / 1000) }, () => batchBody1000)
      await postInBatches(server.url, batches)
      const loaded = residentMemory(server.pid)
      await delay(seconds * 1000)
      const rest = residentMemory(server.pid)
      await assertQueued(server.url, 1001 + batches.length * 1000)
      tell(`${(rest.now - idle.now).toFixed(1)} MiB above idle`)
      return [
        { name: 'above idle, at rest', unit: 'MiB', value: rest.now - idle.now, target: { atMost: 64 } },
        { name: 'above idle, at rest, own pages', unit: 'MiB', value: rest.anonymous - idle.anonymous },
        { name: 'above idle, right after the load', unit: 'MiB', value: loaded.now - idle.now },
        { name: 'above idle, peak', unit: 'MiB', value: rest.peak - idle.now },
        { name: 'idle', unit: 'MiB', value: idle.now },
      ]
    } finally {
      await server.stop()
    }
  },
}

const batchBody1000 = batchBody(1000)
