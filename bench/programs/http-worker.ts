import { Client } from '@taskyard/client'
import { benchQueue, benchType } from '../load/payload.ts'

// The remote worker of http-cycle: says 'ready' to its parent, works until SIGTERM.

const url = process.argv[2] as string
const client = new Client({ url })
const worker = client.work({ [benchType]: () => ({ ok: true }) }, { queues: [benchQueue], concurrency: 1000 })
process.once('SIGTERM', async () => {
  await worker.stop()
  await client.close()
  process.disconnect?.()
})
process.send?.('ready')
