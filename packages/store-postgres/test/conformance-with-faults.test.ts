import { describe, it } from 'node:test'
import { describeTaskStore } from '@taskyard/conformance'
import { openStore } from './store-opener.ts'

describeTaskStore({
  name: 'postgres behind an unreliable connection',
  openStore,
  runner: { describe, it },
  faults: { seed: 1, slow: 0.05, refuse: 0.15, loseReply: 0.2 },
  runs: 10,
})
