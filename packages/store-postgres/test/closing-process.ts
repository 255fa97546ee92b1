import { once } from 'node:events'
import { systemClock } from '@taskyard/core/runtime'
import { openPostgresStore } from '../src/index.ts'

// Opens the store at a URL, says so, and closes it when it is told anything. Then nothing must keep this process alive.

const store = await openPostgresStore({ url: process.argv[2] as string, clock: systemClock })
await store.lifecycle.migrate()
await store.reads.counts({ namespace: 'default', queue: null })
process.stdout.write('open\n')
await once(process.stdin, 'data')
await store.lifecycle.close()
