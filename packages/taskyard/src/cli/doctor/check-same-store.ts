import { resolve } from 'node:path'
import { type Finding, finding } from '@taskyard/core'
import { isLoopback } from '../../configuration/loopback.ts'
import type { Examined } from './examined.ts'
import { inspectSqliteFile } from './inspect-sqlite-file.ts'

/** Whether the running server keeps its tasks where this configuration says, as far as that shows: else the two are about different things. */
export async function checkSameStore(examined: Examined): Promise<readonly Finding[]> {
  const { configuration, server, url } = examined
  const { store } = configuration
  if (server?.storeKind == null || server.reason !== null) return []
  if (server.storeKind !== store.kind)
    return [different(url, `its store is ${server.storeKind}, TASKYARD_STORE names one of ${store.kind}`)]
  if (store.kind !== 'sqlite' || !isOnThisMachine(url)) return []
  const path = resolve(store.path)
  return inspectSqliteFile(path).kind === 'locked'
    ? []
    : [different(url, `no server has ${path}, which TASKYARD_STORE names`)]
}

function different(url: string, why: string): Finding {
  const detail = `the server at ${url} keeps its tasks elsewhere: ${why}`
  return finding.warning(
    'same store',
    detail,
    'Set TASKYARD_STORE as that server has it, or name the server that is meant: --url.',
  )
}

function isOnThisMachine(url: string): boolean {
  return isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, ''))
}
