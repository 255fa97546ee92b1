import { TaskyardError } from '@taskyard/core'
import ipaddr from 'ipaddr.js'

/** Whether a connection to this IP address is allowed. */
export type AddressPolicy = (address: string) => boolean

/**
 * Allows the addresses of the public internet, and those named. Everything that IANA's special-purpose registries set aside is
 * refused: private, loopback, link-local, shared (CGNAT), multicast, unspecified, documentation, and the IPv6 ranges
 * that carry IPv4 addresses (NAT64, 6to4, Teredo). An IPv4-mapped IPv6 address counts as its IPv4 address.
 * @param allow CIDRs or single addresses, or `true` for all
 * @throws TaskyardError `invalid_configuration`
 */
export function createAddressPolicy(allow: boolean | readonly string[]): AddressPolicy {
  if (allow === true) return () => true
  const allowed = (allow === false ? [] : allow).map(parseRange)
  return (text) => {
    if (!ipaddr.isValid(text)) return false
    const address = ipaddr.process(text)
    return isPublic(address) || allowed.some((range) => isWithin(address, range))
  }
}

type Address = ipaddr.IPv4 | ipaddr.IPv6
type Range = [Address, number]

/** Global unicast IPv6 (RFC 4291 §2.4): whatever else a later registry adds is not public until it is in here. */
const GLOBAL_UNICAST: Range = [ipaddr.IPv6.parse('2000::'), 3]

function isPublic(address: Address): boolean {
  return address.range() === 'unicast' && (address.kind() === 'ipv4' || isWithin(address, GLOBAL_UNICAST))
}

function isWithin(address: Address, range: Range): boolean {
  return address.kind() === range[0].kind() && address.match(range)
}

/** Whether it is an address or a CIDR. Short forms such as `10.1` are neither: they are read in more than one way. */
export function isAddressRange(text: string): boolean {
  const [address = ''] = text.split('/')
  if (!ipaddr.IPv6.isValid(address) && !ipaddr.IPv4.isValidFourPartDecimal(address)) return false
  return ipaddr.isValidCIDR(text) || ipaddr.isValid(text)
}

function parseRange(text: string): Range {
  if (!isAddressRange(text)) {
    const reason = `"${text}" is not an address range such as 10.0.0.0/8 (TASKYARD_HTTP_ALLOW_PRIVATE)`
    throw new TaskyardError('invalid_configuration', { reason })
  }
  if (ipaddr.isValidCIDR(text)) return ipaddr.parseCIDR(text)
  const address = ipaddr.process(text)
  return [address, address.kind() === 'ipv4' ? 32 : 128]
}
