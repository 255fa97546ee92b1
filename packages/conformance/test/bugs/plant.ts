import type { ReferenceState, StoreOverrides } from '@taskyard/conformance'
import type { Clock, OpenedStore } from '@taskyard/core'

/** A store that breaks one promise of the port. */
export type Plant = (store: OpenedStore, state: ReferenceState, clock: Clock) => StoreOverrides
