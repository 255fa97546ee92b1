export { EVERY_CALL } from './every-call.ts'
export { retrying } from './faults/retrying.ts'
export {
  type Fault,
  type FaultPlan,
  type FaultRates,
  faultOnce,
  seededFaults,
  withFaults,
} from './faults/with-faults.ts'
export { FRAGMENTS, JSON_TEXTS, notIds, PLAIN_TEXTS } from './hostile/texts.ts'
export { eventually } from './real-time.ts'
export { emptyReferenceState, type ReferenceState } from './reference/reference-state.ts'
export { createReferenceStore } from './reference/reference-store.ts'
export { createSimulatedClock, type SettableClock, SIMULATED_START, type SimulatedClock } from './simulated-clock.ts'
export { type StoreOverrides, withOverrides } from './store-overrides.ts'
export type { OpenStore, ServerUnderTest, StoreSetting, StoreUnderTest } from './store-under-test.ts'
export type { StoreCapabilities, StoreSuiteOptions, TestRunner } from './suite.ts'
export { describeTaskStore } from './task-store-suite.ts'
export { type Calls, CLAIM, submissions, taskMaker } from './test-bed.ts'
