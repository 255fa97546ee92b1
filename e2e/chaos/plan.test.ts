import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { planFaults, type Step } from './plan.ts'
import { seededRandom } from './seeded-random.ts'

describe('the plan of the faults', () => {
  for (const kills of [6, 30, 200, 300]) {
    it(`gives workers, servers and the database an equal share of ${kills} kills`, () => {
      const third = kills / 3
      const plan = planFaults({ kills, servers: 2, database: true, random: seededRandom(kills) })
      assert.deepEqual(killsIn(plan, 2), {
        worker: Math.ceil(third),
        server: Math.round(third),
        database: Math.floor(third),
      })
    })
  }

  it('shares the kills between worker and server where there is no database', () => {
    const plan = planFaults({ kills: 200, servers: 1, database: false, random: seededRandom(1) })
    assert.deepEqual(killsIn(plan, 1), { worker: 100, server: 100, database: 0 })
  })

  it('is the same for the same seed', () => {
    const plan = () => planFaults({ kills: 60, servers: 2, database: true, random: seededRandom(5) })
    assert.deepEqual(plan(), plan())
  })
})

function killsIn(plan: readonly Step[], servers: number) {
  const kills = { worker: 0, server: 0, database: 0 }
  for (const step of plan) {
    if (step.do === 'kill-worker') kills.worker += 1
    if (step.do === 'kill-server') kills.server += step.all ? servers : 1
    if (step.do === 'kill-database') kills.database += 1
  }
  return kills
}
