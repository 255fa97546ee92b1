import { setTimeout as sleep } from 'node:timers/promises'
import { Client, Taskyard } from '@taskyard/taskyard'

// A worker in a process of its own: `killer-worker.ts http URL` or `killer-worker.ts embedded STORE`. A `killer` ends it.

const [way, place] = process.argv.slice(2) as ['http' | 'embedded', string]
const yard = way === 'http' ? new Client({ url: place }) : await Taskyard.open({ store: place, onError: () => {} })
yard.work({
  killer: async () => {
    await sleep(100)
    process.exit(1)
  },
  innocent: async () => {
    await sleep(500)
    return 'fine'
  },
})
process.once('disconnect', () => process.exit())
// Inside a process nobody else can see when all is done.
while (way === 'embedded') {
  const { queued, scheduled, running } = (await yard.queue('default')).counts
  if (queued + scheduled + running === 0) process.exit(0)
  await sleep(100)
}
