import { type Finding, finding, TaskyardError } from '@taskyard/core'
import { systemClock, systemRandom } from '@taskyard/core/runtime'
import { type ServerStoreLocation, storeName } from '../../configuration/store-location.ts'
import { inspectStore } from '../../open-store.ts'
import { checkDiskSpace, checkSqliteFile } from './check-sqlite.ts'
import type { Examined } from './examined.ts'

/** Whether the store can be used, and what its own package has to say about it. Changes and creates nothing. */
export async function checkStore(examined: Examined): Promise<readonly Finding[]> {
  const { store } = examined.configuration
  if (store.kind !== 'sqlite') return checkServerStore(examined, store)
  return Promise.all([checkSqliteFile(store.path, examined), checkDiskSpace(store.path)])
}

async function checkServerStore(
  { configuration: { allowUnsafeDurability } }: Examined,
  location: ServerStoreLocation,
): Promise<readonly Finding[]> {
  const name = storeName(location)
  try {
    const options = { clock: systemClock, random: systemRandom, allowUnsafeDurability }
    return [finding.ok('store', `${name} answers`), ...(await inspectStore(location, options))]
  } catch (error) {
    if (!(error instanceof TaskyardError)) throw error
    return [finding.problem('store', `${name}: ${error.message}`, ADVICE[error.code] ?? 'See the page "Errors".')]
  }
}

const ADVICE: Partial<Readonly<Record<TaskyardError['code'], string>>> = {
  store_unavailable:
    'Start its server, or correct host, port, user and password in TASKYARD_STORE; look at the firewall between.',
  invalid_configuration: 'Correct TASKYARD_STORE.',
}
