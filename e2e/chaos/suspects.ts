import { setTimeout as delay } from 'node:timers/promises'
import { SUSPECT_CRASHES } from '@taskyard/core'
import { monotonicMs } from './history.ts'
import { call, keepAlive } from './http-call.ts'
import type { ServerControl } from './server-control.ts'

/** A suspect that takes longer, or servers that do not answer, are not waited for. */
const TIMEOUT_MS = 20_000
const agent = keepAlive()

/**
 * Resolves when no suspect runs, as far as can be asked. The death of a worker that runs a suspect alone is what convicts
 * the suspect: a program that kills just then, three times, would quarantine a healthy task as promised, and say nothing of
 * the platform.
 */
export async function untilNoSuspectRuns(servers: readonly ServerControl[]): Promise<void> {
  for (const since = monotonicMs(); monotonicMs() - since < TIMEOUT_MS; await delay(50)) {
    if (!(await isSuspectRunning(servers))) return
  }
}

async function isSuspectRunning(servers: readonly ServerControl[]): Promise<boolean> {
  for (const { port } of servers) {
    const url = `http://127.0.0.1:${port}/api/v1/tasks?status=running&limit=200`
    const answer = await call(agent, { method: 'GET', url, timeoutMs: 2000 }).catch(() => null)
    if (answer?.status !== 200) continue
    const { items } = JSON.parse(answer.body) as { items: readonly { readonly crashes: number }[] }
    return items.some(({ crashes }) => crashes >= SUSPECT_CRASHES)
  }
  return false
}
