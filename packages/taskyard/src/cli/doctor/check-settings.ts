import { type Finding, finding } from '@taskyard/core'
import { isLoopback } from '../../configuration/loopback.ts'
import type { Examined } from './examined.ts'

/** What the settings let happen; what the server of a store does is its own package's to say. */
export async function checkDurability({ configuration }: Examined): Promise<readonly Finding[]> {
  const { store, allowUnsafeDurability } = configuration
  if (allowUnsafeDurability) {
    const detail = 'TASKYARD_ALLOW_UNSAFE_DURABILITY=1: a store that may lose acknowledged tasks is accepted'
    return [finding.warning('durability', detail, 'Unset it outside of tests.')]
  }
  return store.kind === 'sqlite' ? [finding.ok('durability', 'every acknowledged task is synced to disk')] : []
}

/** Whether this process takes tasks in. */
export async function checkRoles({ configuration: { roles } }: Examined): Promise<Finding> {
  if (!roles.includes('api'))
    return finding.warning('roles', 'no api: nothing can submit tasks', 'Add api to TASKYARD_ROLES.')
  return finding.ok('roles', roles.join(', '))
}

/** The API of this version has no authentication: who reaches it may do anything. */
export async function checkExposure({ configuration: { host, httpAllowPrivate } }: Examined): Promise<Finding> {
  if (!isLoopback(host)) {
    return finding.warning(
      'exposure',
      `the API listens on ${host} and has no authentication`,
      'Keep it behind a firewall or an authenticating proxy.',
    )
  }
  if (httpAllowPrivate === true) {
    return finding.warning(
      'exposure',
      'http-request tasks may reach every private address',
      'Name the addresses in TASKYARD_HTTP_ALLOW_PRIVATE instead.',
    )
  }
  return finding.ok('exposure', `the API listens on ${host} only`)
}
