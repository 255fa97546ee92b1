import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { contestFigures, type Measurement } from '../report/contest-figures.ts'

const drains: readonly Measurement[] = [
  { work: 'drain', entrant: 'ours', tuning: 'one', unit: 'tasks/s', value: 30_000 },
  { work: 'drain', entrant: 'ours', tuning: 'two', unit: 'tasks/s', value: 60_000 },
  { work: 'drain', entrant: 'slow', tuning: 'one', unit: 'tasks/s', value: 1000 },
  { work: 'drain', entrant: 'fast', tuning: 'one', unit: 'tasks/s', value: 40_000 },
  { work: 'drain', entrant: 'fast', tuning: 'two', unit: 'tasks/s', value: 20_000 },
]

describe('the figures of a contest', () => {
  it('compare the best tuning of each', () => {
    const figures = contestFigures('ours', drains, [])
    assert.equal(figures.find(({ name }) => name === 'drain: ours ÷ fast')?.value, 1.5)
    assert.equal(figures.find(({ name }) => name === 'drain: ours ÷ slow')?.value, 60)
    assert.equal(figures.find(({ name }) => name === 'drain: ours ÷ the best peer')?.value, 1.5)
  })

  it('show every tuning', () => {
    const names = contestFigures('ours', drains, []).map(({ name }) => name)
    for (const { entrant, tuning } of drains) assert.ok(names.includes(`drain: ${entrant}, ${tuning}`))
  })

  it('take the shortest time for the best', () => {
    const latencies = drains.map((one) => ({ ...one, unit: 'ms' as const }))
    const figures = contestFigures('ours', latencies, [])
    assert.equal(figures.find(({ name }) => name === 'drain: ours ÷ fast')?.value, 1.5)
    assert.equal(figures.find(({ name }) => name === 'drain: ours ÷ the best peer')?.value, 30)
  })

  it('carry the target of a ratio', () => {
    const wanted = [{ work: 'drain', peer: 'fast', target: { atLeast: 1 } }]
    const targets = contestFigures('ours', drains, wanted).filter(({ target }) => target !== undefined)
    assert.deepEqual(
      targets.map(({ name, target }) => ({ name, target })),
      [{ name: 'drain: ours ÷ fast', target: { atLeast: 1 } }],
    )
  })

  it('compare nobody with nobody', () => {
    const alone = drains.filter(({ entrant }) => entrant === 'ours')
    assert.ok(contestFigures('ours', alone, []).every(({ unit }) => unit === 'tasks/s'))
  })
})
