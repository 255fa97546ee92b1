import type { OpenedStore } from '@taskyard/core'
import { retrying } from './faults/retrying.ts'
import { type FaultRates, seededFaults, withFaults } from './faults/with-faults.ts'
import { openTestBed, type TestBedSetting } from './open-test-bed.ts'
import type { OpenStore, StoreSetting, StoreUnderTest } from './store-under-test.ts'
import type { TestBed } from './test-bed.ts'

/** The part of a test runner that the suite uses; `node:test` fits as it is. */
export interface TestRunner {
  describe(name: string, define: () => void): unknown
  it(name: string, run: () => Promise<void>): unknown
}

/** What an adapter may lack. Everything is expected of it that it does not declare as missing. */
export interface StoreCapabilities {
  /** Listeners of `wakeUps` hear of tasks that become ready in the same process. */
  readonly wakesUp: boolean
  /** `threadAccess` leads to a `LeaseExtender` in another thread. */
  readonly threadAccess: boolean
  /** Several processes can use the store at the same time, through a server that may go away and come back. */
  readonly shared: boolean
  /** A lease that begins in the very millisecond in which others of its worker end is not taken for one that was beside them. */
  readonly ordersWithinMillisecond: boolean
}

export interface StoreSuiteOptions {
  readonly name: string
  readonly openStore: OpenStore
  readonly runner: TestRunner
  readonly capabilities?: Partial<StoreCapabilities>
  /** Runs every test that changes something through an unreliable connection, behind callers that repeat what failed. */
  readonly faults?: FaultRates
  /**
   * Sequences of the model-based test. Default 60, always the same ones; the variable MODEL_RUNS asks for a search in so
   * many new ones instead.
   */
  readonly runs?: number
  /** Tasks that wait while a server restarts. Default 20,000. */
  readonly fullQueue?: number
  /** Other sequences for the model-based test, such as those of an earlier report. */
  readonly seed?: number
}

export interface Suite {
  readonly runs: number
  readonly seed: number | 'random' | undefined
  readonly fullQueue: number
  readonly capabilities: StoreCapabilities
  describe(area: string, define: () => void): void
  /** One behaviour, shown on a fresh store. */
  it(behaviour: string, test: (bed: TestBed) => Promise<void>): void
  /** The same on a store that the setting asks for. */
  itIn(setting: () => TestBedSetting, behaviour: string, test: (bed: TestBed) => Promise<void>): void
  /** One that depends on the first answer being the one that arrives; not run with faults. */
  itWithoutFaults(behaviour: string, test: (bed: TestBed) => Promise<void>): void
  /** A fresh store without a test bed around it. The caller destroys it. */
  open(setting: StoreSetting): Promise<StoreUnderTest>
}

/** What the areas register their tests with. MODEL_RUNS, when set, replaces `runs` and draws new sequences. */
export function createSuite(options: StoreSuiteOptions): Suite {
  const { runner, faults, runs = 60, fullQueue = 20_000 } = options
  const open: OpenStore = async (setting) => throughFaults(await options.openStore(setting), faults)
  const itIn: Suite['itIn'] = (setting, behaviour, test) => {
    runner.it(behaviour, async () => {
      const bed = await openTestBed(open, setting())
      try {
        await test(bed)
      } finally {
        await bed.destroy()
      }
    })
  }
  const it: Suite['it'] = (behaviour, test) => itIn(() => ({}), behaviour, test)
  const searched = Number(process.env['MODEL_RUNS']) || 0
  return {
    runs: searched || runs,
    seed: searched > 0 ? 'random' : options.seed,
    fullQueue,
    capabilities: {
      wakesUp: true,
      threadAccess: true,
      shared: true,
      ordersWithinMillisecond: true,
      ...options.capabilities,
    },
    describe: (area, define) => void runner.describe(area, define),
    it,
    itIn,
    itWithoutFaults: faults === undefined ? it : () => {},
    open,
  }
}

function throughFaults(opened: StoreUnderTest, faults: FaultRates | undefined): StoreUnderTest {
  if (faults === undefined) return opened
  const plan = seededFaults(faults)
  const unreliable = (store: OpenedStore) => retrying(withFaults(store, plan))
  return {
    ...opened,
    store: unreliable(opened.store),
    reopen: async () => unreliable(await opened.reopen()),
    destroy: () => opened.destroy(),
  }
}
