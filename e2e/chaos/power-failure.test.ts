import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { unsyncedBytes } from './power-failure.ts'

describe('what a power failure costs', () => {
  it('is everything written, without a sync', () => {
    assert.equal(unsyncedBytes('10  write(7, ""..., 78) = 78\n10  write(7, ""..., 2) = 2\n'), 80)
  })

  it('is nothing, right after a sync', () => {
    assert.equal(unsyncedBytes('10  write(7, ""..., 78) = 78\n10  fdatasync(7)    = 0\n'), 0)
  })

  it('is what was written since the last sync began, not since it ended', () => {
    const log = `10  write(7, ""..., 78) = 78
12  fdatasync(7 <unfinished ...>
10  write(7, ""..., 91) = 91
12  <... fdatasync resumed>)           = 0
10  write(7, ""..., 5) = 5
`
    assert.equal(unsyncedBytes(log), 96)
  })

  it('is not less for a sync that has failed, or was killed', () => {
    const failed = '10  write(7, ""..., 78) = 78\n10  fdatasync(7) = -1 EIO (Input/output error)\n'
    const killed = '10  write(7, ""..., 78) = 78\n12  fdatasync(7 <unfinished ...>\n12  +++ killed by SIGKILL +++\n'
    assert.equal(unsyncedBytes(failed), 78)
    assert.equal(unsyncedBytes(killed), 78)
  })
})
