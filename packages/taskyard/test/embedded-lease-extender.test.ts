import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import type { BeatParams } from '@taskyard/core'
import { openLeaseExtender } from '../src/embedded-lease-extender.ts'
import { told } from './recording-lease-extender.ts'

const module = new URL('./recording-lease-extender.ts', import.meta.url).href
const namespace = 'tenant'
const workers = [{ namespace, workerId: 'worker-1' }]
const beats = { nodeId: 'node-1/worker-1', workerId: 'worker-1' }
const nextBeat = async () => (await once(told, 'beat'))[0] as BeatParams

for (const isAway of [false, true]) {
  test(`a worker says that it lives, again and again, also while the store is ${isAway ? 'away' : 'there'}`, async () => {
    const first = nextBeat()
    const extender = await openLeaseExtender({ module, data: { isAway }, namespace, beats })
    assert.deepEqual(await first, { nodeId: 'node-1/worker-1', workers, ttlMs: 5000 })
    assert.deepEqual((await nextBeat()).workers, workers)
    assert.deepEqual(await extender.extend({ leases: [{ taskId: 'a', token: 1 }], leaseMs: 1000 }), ['ok'])
    const last = nextBeat()
    await extender.close()
    assert.equal((await last).ttlMs, 0)
  })
}
