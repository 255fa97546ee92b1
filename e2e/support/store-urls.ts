import type { ServerKind } from '@taskyard/test-servers'

let stores = 0

/** A store of its own on a server: nothing in it yet, and nobody else uses it. */
export function newStoreOn(kind: ServerKind, serverUrl: string): string {
  const name = `e2e_${process.pid}_${++stores}`
  const url = new URL(serverUrl)
  switch (kind) {
    case 'postgres':
      url.searchParams.set('schema', name)
      break
    case 'redis':
      url.searchParams.set('prefix', name)
      break
    case 'mongodb':
      url.pathname = `/${name}`
  }
  return url.href
}

/** The environment of a server on a store. The MongoDB of the tests is FerretDB, which a store takes only when told to. */
export function storeSettings(kind: ServerKind, store: string): Readonly<Record<string, string>> {
  const settings = { TASKYARD_STORE: store, TASKYARD_PORT: '0' }
  return kind === 'mongodb' ? { ...settings, TASKYARD_ALLOW_UNSAFE_DURABILITY: '1' } : settings
}
