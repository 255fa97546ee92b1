import { describe, it } from 'node:test'
import { describeTaskStore } from '@taskyard/conformance'
import { openStore } from './test-bed.ts'

const runner = { describe, it }

// Company is told by times: see `company.lua`.
const capabilities = { ordersWithinMillisecond: false }

describeTaskStore({ name: 'redis', openStore, runner, capabilities })

describeTaskStore({
  name: 'redis behind an unreliable connection',
  openStore,
  runner,
  capabilities,
  faults: { seed: 1, slow: 0.05, refuse: 0.15, loseReply: 0.2 },
  runs: 20,
})
