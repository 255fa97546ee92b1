import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PAYLOAD, startEngine } from './test-bed.ts'

test('four questions are answered at a time', async (t) => {
  const begun: (() => void)[] = []
  const held =
    <Params, Answer>(read: (params: Params) => Promise<Answer>) =>
    async (params: Params) => {
      await new Promise<void>((resolve) => begun.push(resolve))
      return read(params)
    }
  const bed = await startEngine(t, {}, (store) => {
    const { position, readyLanes } = store.reads
    return { ...store, reads: { ...store.reads, position: held(position), readyLanes: held(readyLanes) } }
  })
  const { id } = (await bed.engine.submit({ type: 'test', payload: PAYLOAD })).task
  const answers = [bed.engine.in('other').stuckQueues(), ...Array.from({ length: 7 }, () => bed.engine.waiting(id))]
  const counts: number[] = []
  for (let n = 0; n < 4; n++) {
    await bed.clock.advance(1)
    counts.push(begun.length)
    for (const go of begun) go()
  }
  await Promise.all(answers)
  assert.deepEqual(counts, [4, 8, 8, 8])
})
