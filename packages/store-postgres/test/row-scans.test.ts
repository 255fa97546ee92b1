import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createRowScans } from '../src/operations/row-scans.ts'

const MIB = 1024 * 1024
const BLOCKS = (16 * MIB) / 8192

describe('looking through a table for what is over', () => {
  it('takes a part at a time, and stays where more is to be removed', () => {
    const scans = createRowScans(() => 0)
    const look = (isThrough: boolean) => {
      const scan = scans.begin('finished_s1', 40 * MIB)
      scan?.end(isThrough)
      return scan?.fromBlock
    }
    assert.deepEqual([look(true), look(false), look(true), look(true)], [0, BLOCKS, BLOCKS, 2 * BLOCKS])
    assert.equal(look(true), 0)
  })

  it('takes a small share of the time for a large table', () => {
    let now = 0
    const scans = createRowScans(() => now)
    const scan = scans.begin('finished_kept', 10 * MIB)
    now += 50
    scan?.end(true)
    assert.equal(scans.begin('finished_kept', 10 * MIB), null)
    now += 999
    assert.equal(scans.begin('finished_kept', 10 * MIB), null)
    now += 1
    assert.equal(scans.begin('finished_kept', 10 * MIB)?.fromBlock, 0)
  })

  it('goes on at once however long it has removed, and pauses for a minute at most', () => {
    let now = 0
    const scans = createRowScans(() => now)
    const look = (tookMs: number, isThrough: boolean) => {
      const scan = scans.begin('finished_s1', 10 * MIB)
      now += tookMs
      scan?.end(isThrough)
      return scan !== null
    }
    for (let n = 0; n < 100; n++) assert.ok(look(1000, false))
    assert.ok(look(50, true))
    now += 1000
    assert.ok(look(100_000, true))
    now += 60_000
    assert.ok(look(1, true))
  })

  it('takes all of a small table each time', () => {
    let now = 0
    const scans = createRowScans(() => now)
    for (let look = 0; look < 3; look++) {
      const scan = scans.begin('finished_kept', 1000)
      now += 50
      assert.equal(scan?.fromBlock, 0)
      scan?.end(true)
    }
  })
})
