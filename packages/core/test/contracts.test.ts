import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { type Backoff, backoffDelayMs, DEFAULT_BACKOFF, isTerminal, TASK_STATUSES, TRANSITIONS } from '@taskyard/core'

const contracts = new URL('../../../contracts/', import.meta.url)
const read = (name: string) => readFile(new URL(name, contracts), 'utf8')

describe('contracts', () => {
  it('states.md has every transition of the state machine and no other', async () => {
    const rows = [...(await read('states.md')).matchAll(/^\| `([a-z]+)` \| `([a-z-]+)` \| `([a-z]+)` \|$/gm)]
    const documented = rows.map(([, from, event, to]) => ({ from, event, to }))
    assert.deepEqual(documented, allTransitions())
  })

  it('states.md says of every state whether it is terminal', async () => {
    const rows = [...(await read('states.md')).matchAll(/^\| `([a-z]+)` \| [^|`]+ \| (yes|no) \|$/gm)]
    const documented = rows.map(([, state, terminal]) => [state, terminal === 'yes'])
    assert.deepEqual(
      documented,
      TASK_STATUSES.map((status) => [status, isTerminal(status)]),
    )
  })

  it('vectors/states.json has the states and transitions', async () => {
    const { states, transitions } = JSON.parse(await read('vectors/states.json'))
    assert.deepEqual(
      states,
      TASK_STATUSES.map((name) => ({ name, terminal: isTerminal(name) })),
    )
    assert.deepEqual(transitions, allTransitions())
  })

  it('vectors/backoff.json has the default', async () => {
    assert.deepEqual(JSON.parse(await read('vectors/backoff.json')).default, DEFAULT_BACKOFF)
  })

  it('vectors/backoff.json has the waits that the backoff gives', async () => {
    const { cases } = JSON.parse(await read('vectors/backoff.json')) as BackoffVectors
    assert.ok(cases.length >= 20)
    for (const { backoff, attempt, jitter, delayMs } of cases) {
      assert.equal(backoffDelayMs(backoff, attempt, jitter), delayMs, JSON.stringify({ backoff, attempt, jitter }))
    }
  })
})

interface BackoffVectors {
  readonly cases: readonly {
    readonly backoff: Backoff
    readonly attempt: number
    readonly jitter: number
    readonly delayMs: number
  }[]
}

function allTransitions(): unknown {
  return TASK_STATUSES.flatMap((from) => Object.entries(TRANSITIONS[from]).map(([event, to]) => ({ from, event, to })))
}
