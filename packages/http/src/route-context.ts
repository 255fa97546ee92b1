import type { Clock, Limiter } from '@taskyard/core'
import type { Engine } from '@taskyard/engine'
import type { Lifecycle } from './lifecycle.ts'
import type { Metrics } from './metrics/create-metrics.ts'
import type { InNamespaceOf } from './namespace-of.ts'
import type { OpenAnswers } from './open-answers.ts'
import type { HttpInfo, HttpLimits } from './options.ts'

/** What probes and metrics need. */
export interface OperationsContext {
  readonly engine: Engine
  readonly info: HttpInfo
  readonly metrics: Metrics
  readonly lifecycle: Lifecycle
}

/** What every route may need. */
export interface RouteContext extends OperationsContext {
  readonly inNamespaceOf: InNamespaceOf
  /** Monotonic. */
  readonly clock: Clock
  readonly limits: HttpLimits
  readonly connections: OpenAnswers
  /** Of the pages of tasks and events, which are large, few are read from the store at a time. */
  readonly pages: Limiter
}

export interface IdParams {
  id: string
}
