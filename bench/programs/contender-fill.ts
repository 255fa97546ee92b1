import { type ContenderRef, openContender } from '../contenders/contender.ts'
import { payload200 } from '../load/payload.ts'
import { printResult, programOptions } from '../processes/program.ts'

// Fills one system's store with waiting tasks, in batches.

export interface ContenderFillOptions {
  readonly contender: ContenderRef
  readonly tasks: number
  readonly batch: number
  readonly parallel: number
}

const { contender: ref, tasks, batch, parallel } = programOptions<ContenderFillOptions>()
const contender = await openContender(ref)
let left = tasks
const submitter = async () => {
  while (left > 0) {
    const size = Math.min(batch, left)
    left -= size
    await contender.submitMany(Array.from({ length: size }, () => payload200))
  }
}
const start = performance.now()
await Promise.all(Array.from({ length: parallel }, submitter))
const perSecond = (tasks * 1000) / (performance.now() - start)
const { unfinished } = await contender.counts()
if (unfinished !== tasks) throw new Error(`${tasks} tasks were submitted, the store holds ${unfinished}`)
await contender.close()
printResult({ perSecond })
process.exit(0)
