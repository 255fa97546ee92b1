import type { Clock, Random } from '@taskyard/core'
import {
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
  isBrokenCircuitError,
} from 'cockatiel'
import { failureOf } from '../failure.ts'
import { HTTP_FAILURES } from './failures.ts'

const DEFAULT_CIRCUIT = { failures: 5, openSeconds: 30 }

/** Hosts remembered; the one not called for longest is forgotten first, its circuit with it. */
const MAX_HOSTS = 1000

export interface HostCircuits {
  /**
   * Calls the host unless its circuit is open. A call that ends with `isOutage`, or rejects with an error that is one, counts
   * against the host; one that succeeds clears its record.
   * @throws TaskFailure `circuit_open`, with the wait until the host is tried again
   */
  call<Result extends { readonly isOutage: boolean }>(host: string, exchange: () => Promise<Result>): Promise<Result>
}

interface HostCircuit {
  readonly policy: CircuitBreakerPolicy
  openUntil: number
}

/** By default a circuit opens after 5 outages in a row, for 30 s. */
export function createHostCircuits(options: {
  readonly clock: Clock
  readonly random: Random
  readonly circuit?: { readonly failures: number; readonly openSeconds: number }
  isOutage(error: unknown): boolean
}): HostCircuits {
  const { clock, random, isOutage } = options
  const { failures, openSeconds } = options.circuit ?? DEFAULT_CIRCUIT
  const circuits = new Map<string, HostCircuit>()

  function circuitOf(host: string): HostCircuit {
    const circuit = circuits.get(host) ?? createCircuit()
    circuits.delete(host)
    circuits.set(host, circuit)
    if (circuits.size > MAX_HOSTS) circuits.delete(circuits.keys().next().value as string)
    return circuit
  }

  function createCircuit(): HostCircuit {
    // A trial call that was called off says nothing about the host: it must not close the circuit.
    const countsAsFailure = (error: unknown) => isOutage(error) || policy.state === CircuitState.HalfOpen
    const policy = circuitBreaker(
      handleWhen(countsAsFailure).orWhenResult((result) => (result as { isOutage: boolean }).isOutage),
      { breaker: new ConsecutiveBreaker(failures), halfOpenAfter: openSeconds * 1000 },
    )
    const circuit: HostCircuit = { policy, openUntil: 0 }
    policy.onBreak(() => {
      circuit.openUntil = clock.now() + openSeconds * 1000
    })
    return circuit
  }

  function circuitOpen(host: string, { openUntil }: HostCircuit) {
    const waitSeconds = Math.max(0, openUntil - clock.now()) / 1000
    // Spread over as long again, so that the tasks that waited do not all come back at once.
    const retryDelaySeconds = Math.ceil(waitSeconds + random() * openSeconds)
    const message = `${host} keeps failing and is not called for another ${Math.ceil(waitSeconds)} s`
    return failureOf(HTTP_FAILURES, 'circuit_open', message, { retryDelaySeconds })
  }

  return {
    async call(host, exchange) {
      const circuit = circuitOf(host)
      // While one trial call is under way, others would queue behind it and hold their worker's slot.
      if (circuit.policy.state === CircuitState.HalfOpen) throw circuitOpen(host, circuit)
      try {
        return await circuit.policy.execute(exchange)
      } catch (error) {
        throw isBrokenCircuitError(error) ? circuitOpen(host, circuit) : error
      }
    },
  }
}
