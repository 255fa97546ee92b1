import assert from 'node:assert/strict'
import type { BeatParams, BeatReply, Claimer, Claimers, ClaimersOfNode } from '@taskyard/core'
import { FRAGMENTS } from '../hostile/texts.ts'
import type { Suite } from '../suite.ts'
import { only, type TestBed } from '../test-bed.ts'

const TTL_MS = 5_000

/** What processes say in their beats of those who claim at them. */
export function describeClaimers({ describe, it }: Suite): void {
  describe('claimers', () => {
    it('are told with what they ask for, as their process said', async (bed) => {
      const said = [
        asking({ queues: ['a', 'b'], types: ['x'] }, worker({ concurrency: 5, connected: true, watched: true })),
        asking({ queues: null, isPart: true }, worker(), worker({ workerId: 'worker-2' })),
      ]
      await beat(bed, { claimers: said })
      assert.deepEqual(
        await claimers(bed),
        said.map((each) => ({ ...each, nodeId: 'node-1' })),
      )
    })

    it('are told by every process that says so', async (bed) => {
      await beat(bed, { claimers: [asking({}, worker())] })
      await beat(bed, { nodeId: 'node-2', claimers: [asking({}, worker())] })
      assert.deepEqual((await claimers(bed)).map(({ nodeId }) => nodeId).sort(), ['node-1', 'node-2'])
    })

    it('were seen the longer ago the longer it is that their process said so', async (bed) => {
      await beat(bed, { claimers: [asking({}, worker({ seenAgoMs: 500 }))] })
      await bed.clock.advance(2_000)
      assert.equal(only(only(await claimers(bed)).workers).seenAgoMs, 2_500)
    })

    it('stay while their process lives and says nothing else', async (bed) => {
      await beat(bed, { claimers: [asking({}, worker())] })
      await bed.clock.advance(3_000)
      await beat(bed)
      await bed.clock.advance(3_000)
      assert.equal(only(only(await claimers(bed)).workers).seenAgoMs, 6_000)
      await beat(bed, { claimers: [] })
      assert.deepEqual(await claimers(bed), [])
    })

    it('go with their process', async (bed) => {
      await beat(bed, { claimers: [asking({}, worker())] })
      await beat(bed, { nodeId: 'node-2', claimers: [asking({}, worker())] })
      await beat(bed, { nodeId: 'node-2', ttlMs: 0 })
      assert.equal(only(await claimers(bed)).nodeId, 'node-1')
      await bed.clock.advance(TTL_MS)
      assert.deepEqual(await claimers(bed), [])
      await beat(bed, { nodeId: 'node-3' })
      assert.deepEqual(await claimers(bed), [])
    })

    it('are told in their own namespace alone', async (bed) => {
      await beat(bed, { claimers: [asking({ namespace: 'other' }, worker()), asking({ queues: ['here'] }, worker())] })
      assert.deepEqual(only(await claimers(bed)).queues, ['here'])
      assert.equal(only(await bed.store.presence.claimers({ namespace: 'other' })).namespace, 'other')
      assert.deepEqual(await bed.store.presence.claimers({ namespace: 'empty' }), [])
    })

    it('may be called anything, and be many', async (bed) => {
      const workers = FRAGMENTS.map((workerId) => worker({ workerId }))
      const many = Array.from({ length: 1_000 }, (_, n) => worker({ workerId: `worker-${n}` }))
      const said = asking({ queues: [...FRAGMENTS], types: [...FRAGMENTS] }, ...workers, ...many)
      await beat(bed, { claimers: [said] })
      assert.deepEqual(only(await claimers(bed)), { ...said, nodeId: 'node-1' })
    })
  })
}

function beat({ store }: TestBed, params: Partial<BeatParams> = {}): Promise<BeatReply> {
  return store.presence.beat({ nodeId: 'node-1', workers: [], ttlMs: TTL_MS, ...params })
}

function claimers({ store }: TestBed): Promise<readonly ClaimersOfNode[]> {
  return store.presence.claimers({ namespace: 'default' })
}

function asking(what: Partial<Claimers>, ...workers: readonly Claimer[]): Claimers {
  return { namespace: 'default', queues: ['default'], types: null, isPart: false, workers, ...what }
}

function worker(overrides: Partial<Claimer> = {}): Claimer {
  return {
    workerId: 'worker-1',
    seenAgoMs: 0,
    concurrency: null,
    connected: false,
    watched: false,
    embedded: false,
    ...overrides,
  }
}
