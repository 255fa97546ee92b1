import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TaskContext } from '@taskyard/core'
import { Taskyard } from '@taskyard/taskyard'

// A program with tasks inside: `set-back-program.ts STORE`. The clock is set back once its handler's lease was extended, and
// the handler runs on for more than the time of the lease.

const LEASE_SECONDS = 3
const store = process.argv[2] as string
const yard = await Taskyard.open({ store })
let runs = 0
yard.work(
  {
    long: async (_: unknown, context: TaskContext) => {
      runs += 1
      while (context.heartbeat.at === null) await sleep(50)
      writeFileSync(process.env.CLOCK_IS_SET_BACK as string, '')
      await sleep(LEASE_SECONDS * 3000, undefined, { signal: context.signal })
    },
  },
  { leaseSeconds: LEASE_SECONDS },
)
const { status, attempt } = await yard.wait(await yard.submit('long', null))
await yard.close()
console.log(JSON.stringify({ status, attempt, runs }))
