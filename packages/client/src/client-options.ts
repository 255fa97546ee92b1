import {
  type Clock,
  type JsonText,
  monotonicClock,
  namespaceOption,
  type Random,
  TaskyardError,
  unknownName,
} from '@taskyard/core'
import { systemClock, systemRandom } from '@taskyard/core/runtime'
import { serverAddress } from './server-address.ts'
import { parseJson, type TransportParams } from './transport.ts'

export interface ClientOptions {
  /** Such as `http://127.0.0.1:8080`. A user name and password in it are sent as basic authentication. */
  readonly url: string
  /** Whose tasks: what belongs to another namespace does not exist here. Default `default`. */
  readonly namespace?: string
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>
  /** How long a call that failed is repeated, where that is safe and can help. Default 15. */
  readonly retrySeconds?: number
  /** How long one try may take, not counting the wait of a long poll. Default 30. */
  readonly timeoutSeconds?: number
  /** Reads the JSON of answers (not that of a worker's tasks). Default `JSON.parse`, with the exactness of its numbers. */
  readonly parse?: (text: JsonText) => unknown
  readonly clock?: Clock
  readonly random?: Random
}

const NAMES: Readonly<Record<keyof ClientOptions, true>> = {
  url: true,
  namespace: true,
  headers: true,
  retrySeconds: true,
  timeoutSeconds: true,
  parse: true,
  clock: true,
  random: true,
}

/**
 * How a client of these options calls.
 * @throws TaskyardError `invalid_configuration`
 */
export function transportParams(options: ClientOptions): Omit<TransportParams, 'closed'> {
  const unknown = unknownName(options, NAMES)
  if (unknown !== null) {
    const reason = `client: ${unknown} is no option; there are ${Object.keys(NAMES).join(', ')}`
    throw new TaskyardError('invalid_configuration', { reason })
  }
  const { url, headers, retrySeconds = 15, timeoutSeconds = 30 } = options
  return {
    address: serverAddress(url, headers, namespaceOption(options)),
    clock: monotonicClock(options.clock ?? systemClock),
    random: options.random ?? systemRandom,
    retryMs: retrySeconds * 1000,
    timeoutMs: timeoutSeconds * 1000,
    parse: options.parse ?? parseJson,
  }
}
