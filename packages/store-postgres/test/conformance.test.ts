import { describe, it } from 'node:test'
import { describeTaskStore } from '@taskyard/conformance'
import { openStore } from './store-opener.ts'

const runner = { describe, it }

describeTaskStore({ name: 'postgres', openStore, runner })
