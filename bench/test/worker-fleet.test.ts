import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { taskyardModule } from '../contenders/line-up.ts'
import { runProgram } from '../processes/program.ts'
import { drain } from '../processes/worker-fleet.ts'

const faulty = (settings: { handled: number; unfinished: number; kept: number | null }) => ({
  module: new URL('./support/faulty-contender.ts', import.meta.url).href,
  url: 'none',
  settings,
})

describe('a drain by worker processes', () => {
  it('runs every task of a filled store and gives tasks a second', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'taskyard-bench-'))
    try {
      const contender = { module: taskyardModule, url: `sqlite:${directory}/drain.db`, settings: {} }
      const script = fileURLToPath(new URL('../programs/contender-fill.ts', import.meta.url))
      await runProgram({ script, options: { contender, tasks: 2500, batch: 1000, parallel: 2 } })
      const perSecond = await drain({ contender, processes: 1, tasks: 2500 })
      assert.ok(perSecond > 0 && Number.isFinite(perSecond))
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })

  it('accepts a store that deletes what is finished', async () => {
    await drain({ contender: faulty({ handled: 3, unfinished: 0, kept: null }), processes: 1, tasks: 3 })
  })

  it('fails when a task was run twice', async () => {
    const contender = faulty({ handled: 4, unfinished: 0, kept: 3 })
    await assert.rejects(drain({ contender, processes: 1, tasks: 3 }), /3 tasks were submitted, 4 were run/)
  })

  it('counts what all processes ran', async () => {
    const contender = faulty({ handled: 3, unfinished: 0, kept: 6 })
    await drain({ contender, processes: 2, tasks: 6 })
  })

  it('fails when the store does not keep what it should', async () => {
    const contender = faulty({ handled: 3, unfinished: 0, kept: 2 })
    await assert.rejects(drain({ contender, processes: 1, tasks: 3 }), /3 tasks were run, the store keeps 2/)
  })
})
