import { describe, it } from 'node:test'
import { describeTaskStore } from '@taskyard/conformance'
import { openStore } from './scene.ts'

const runner = { describe, it }

describeTaskStore({ name: 'redis', openStore, runner })

describeTaskStore({
  name: 'redis behind an unreliable connection',
  openStore,
  runner,
  faults: { seed: 1, slow: 0.05, refuse: 0.15, loseReply: 0.2 },
  runs: 20,
})
