import dns, { type LookupAddress } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { buildConnector } from 'undici'
import type { AddressPolicy } from './address-policy.ts'

const CONNECT_TIMEOUT_MS = 10_000

/** Finds every address of a host. */
export type LookupAll = (
  host: string,
  callback: (error: Error | null, addresses: readonly LookupAddress[]) => void,
) => void

/** The host has no address that the policy allows. Nothing was sent. */
export class AddressRefusedError extends Error {
  override readonly name = 'AddressRefusedError'

  constructor(host: string, addresses: readonly string[]) {
    const isName = !addresses.includes(host)
    const where = isName ? `${host} (${addresses.join(', ')})` : host
    super(`${where} is not on the public internet; an operator can allow it with TASKYARD_HTTP_ALLOW_PRIVATE`)
  }
}

/** As the operating system resolves names, its hosts file included. */
export const systemLookup: LookupAll = (host, callback) => dns.lookup(host, { all: true }, callback)

/**
 * Opens connections only to addresses the policy allows. The check is part of connecting: the very addresses that were
 * checked are dialled, so a name that resolves differently a moment later (DNS rebinding) gains nothing.
 */
export function createGuardedConnect(permits: AddressPolicy, lookup: LookupAll): buildConnector.connector {
  const connect = buildConnector({
    timeout: CONNECT_TIMEOUT_MS,
    allowH2: false,
    lookup: guardLookup(permits, lookup),
  } as buildConnector.BuildOptions)
  return (options, callback) => {
    // Sockets do not look a literal address up.
    const host = options.hostname.replace(/^\[|\]$/g, '')
    if (isIP(host) !== 0 && !permits(host)) {
      queueMicrotask(() => callback(new AddressRefusedError(host, [host]), null))
      return
    }
    connect(options, callback)
  }
}

function guardLookup(permits: AddressPolicy, lookup: LookupAll): LookupFunction {
  return (host, options, callback) => {
    lookup(host, (error, addresses) => {
      if (error !== null) return callback(error, [])
      const allowed = addresses.filter(({ address }) => permits(address))
      const [first] = allowed
      if (first === undefined) {
        const refused = addresses.map(({ address }) => address)
        return callback(new AddressRefusedError(host, refused), [])
      }
      if (options.all === true) callback(null, allowed)
      else callback(null, first.address, first.family)
    })
  }
}
