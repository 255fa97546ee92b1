import {
  type BeatParams,
  type BeatReply,
  type ClaimersOfNode,
  type ClaimersParams,
  claimersFromText,
  claimersMark,
  claimersText,
  type HoldersParams,
  type LeaseHolder,
  workerKey,
} from '@taskyard/core'
import type { CallContext } from './call-context.ts'
import { SCRIPTS } from './scripts.ts'
import { F } from './task-records.ts'

/** The port's `beat`. */
export async function beat(
  { run, now }: Pick<CallContext, 'run' | 'now'>,
  { nodeId, workers, ttlMs, claimers }: BeatParams,
): Promise<BeatReply> {
  const asked = claimers === undefined ? '' : claimersText(claimers)
  const args = [now(), nodeId, ttlMs, JSON.stringify(workers.map(workerKey)), asked]
  const [anyDefaults, declarations] = (await run(SCRIPTS.beat, args)) as [number, string]
  return { anyDefaults: anyDefaults === 1, declarations: Number(declarations) }
}

/** The port's `holders`. */
export async function holders(
  { run, now }: CallContext,
  { namespace: only }: HoldersParams,
): Promise<readonly LeaseHolder[]> {
  const reply = await run(SCRIPTS.holders, [now(), only ?? ''])
  const [nodeCount, ...rest] = reply as [number, ...(string | number)[]]
  const nodes = new Map<string, readonly string[]>()
  for (let at = 0; at < nodeCount * 2; at += 2) nodes.set(String(rest[at]), JSON.parse(String(rest[at + 1])))
  const answered = new Set([...nodes.values()].flat())
  const found: LeaseHolder[] = []
  for (let at = nodeCount * 2; at < rest.length; at += 5) {
    const [namespace, worker] = String(rest[at]).split('\n') as [string, string]
    const workerId = JSON.parse(worker) as string
    const node = String(rest[at + 1])
    const nodeId = node.length > 1 ? node.slice(1) : null
    const alive = answered.has(workerKey({ namespace, workerId })) || (nodeId !== null && nodes.has(nodeId))
    const [leases, firstEnd, lastEnd] = rest.slice(at + 2, at + 5).map(Number) as [number, number, number]
    found.push({ workerId, nodeId, session: node[0] === '1', namespace, alive, leases, firstEnd, lastEnd })
  }
  return found
}

/** The port's `claimers`. */
export async function claimers(
  { run, now }: CallContext,
  { namespace }: ClaimersParams,
): Promise<readonly ClaimersOfNode[]> {
  const [at, ...rest] = (await run(SCRIPTS.claimers, [now(), claimersMark(namespace)])) as string[]
  const found: ClaimersOfNode[] = []
  for (let i = 0; i < rest.length; i += 2) {
    const [nodeId, said] = rest.slice(i, i + 2) as [string, string]
    const [saidAt, text] = [said.slice(0, said.indexOf(F)), said.slice(said.indexOf(F) + 1)]
    found.push(...claimersFromText(text, { nodeId, namespace, saidAgoMs: Number(at) - Number(saidAt) }))
  }
  return found
}
