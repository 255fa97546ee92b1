import { type Clock, type JsonText, monotonicClock, namespaceOption, type Random } from '@taskyard/core'
import { systemClock, systemRandom } from '@taskyard/core/runtime'
import { aFunction, anAmount, anObject, assertConfiguration, type OptionRules } from './checked-configuration.ts'
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
  /**
   * Told of trouble that is worked around or waited out: of workers that have no `onError` of their own, and of tasks that are
   * waited for while nothing starts them. Default: warnings on the console.
   */
  readonly onError?: (error: unknown, during: string) => void
  readonly clock?: Clock
  readonly random?: Random
}

const RULES: OptionRules<ClientOptions> = {
  url: null,
  namespace: null,
  headers: anObject,
  retrySeconds: anAmount,
  timeoutSeconds: anAmount,
  parse: aFunction,
  onError: aFunction,
  clock: anObject,
  random: aFunction,
}

/**
 * How a client of these options calls.
 * @throws TaskyardError `invalid_configuration`
 */
export function transportParams(options: ClientOptions): Omit<TransportParams, 'closed'> {
  assertConfiguration(options, RULES, 'client: ', "{ url: 'http://127.0.0.1:8080' }")
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
