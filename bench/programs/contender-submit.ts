import type { ContenderRef } from '../contenders/contender.ts'
import { openContender } from '../contenders/contender.ts'
import { type CallRate, callRate } from '../load/call-rate.ts'
import { payload200 } from '../load/payload.ts'
import { printResult, programOptions } from '../processes/program.ts'

// Concurrent callers of one system's library, each with one task or one batch a call. What the store then holds must be
// what was acknowledged.

export interface ContenderSubmitOptions {
  readonly contender: ContenderRef
  readonly callers: number
  /** Tasks of a call. */
  readonly batch: number
  readonly seconds: number
  readonly warmupSeconds: number
}

const { contender: ref, callers, batch, seconds, warmupSeconds } = programOptions<ContenderSubmitOptions>()
const contender = await openContender(ref)
const payloads = Array.from({ length: batch }, () => payload200)
let acknowledged = 0
const result: CallRate = await callRate({ callers, tasksPerCall: batch, seconds, warmupSeconds }, async () => {
  await (batch === 1 ? contender.submit(payload200) : contender.submitMany(payloads))
  acknowledged += batch
})
const { unfinished } = await contender.counts()
if (unfinished !== acknowledged)
  throw new Error(`${acknowledged} tasks were acknowledged, the store holds ${unfinished}`)
await contender.close()
printResult(result)
process.exit(0)
