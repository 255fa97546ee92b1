import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, it } from 'node:test'
import { createSimulatedClock } from '@taskyard/conformance'
import { DEFAULT_RETENTION, TaskyardError, toJsonText } from '@taskyard/core'
import { createUuidV7Generator } from '@taskyard/core/runtime'
import type { Outcome, UseCases } from '@taskyard/engine'
import fc from 'fast-check'
import { type Assembly, assemble } from '../src/assemble.ts'
import { settingsOfOptions } from '../src/open-options.ts'
import { IGNORE_INCIDENTS } from './ignore-incidents.ts'

const clock = createSimulatedClock()
const ids = createUuidV7Generator(clock)
let folder: string
let assembly: Assembly
let engine: UseCases

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'taskyard-races-'))
  const settings = { ...settingsOfOptions({ store: `sqlite:${join(folder, 'tasks.db')}` }), roles: [] }
  assembly = await assemble(settings, { clock, random: () => 0.5, ids, incidents: IGNORE_INCIDENTS })
  await assembly.engine.start()
  engine = assembly.engine.in('default')
})
after(async () => {
  await assembly.close()
  await rm(folder, { recursive: true })
})

it('of all outcomes of a lease one is accepted, whatever races: the first, and its repetitions', async () => {
  await fc.assert(
    fc.asyncProperty(ROUNDS, async (rounds) => {
      const race = await startRace()
      for (const calls of rounds) await Promise.all(calls.map((call) => race.make(call)))
      for (const [token, outcomes] of race.accepted) {
        const told = `token ${token}: ${[...outcomes].join(', ')} in ${JSON.stringify(rounds)}`
        assert.equal(outcomes.size, 1, told)
      }
      await endsOnce(race.taskId)
    }),
    { numRuns: 300, seed: 20_261_126 },
  )
})

type Kind = Outcome['outcome']

type Call =
  | { readonly kind: 'claim' | 'cancel' | 'retry' }
  | { readonly kind: 'sweep'; readonly afterMs: number }
  /** `lease`: 0 is the newest. */
  | { readonly kind: 'settle'; readonly lease: number; readonly outcomes: readonly Kind[] }

const OUTCOME = fc.constantFrom<Kind>('succeeded', 'failed', 'cancelled', 'released')
const CALL: fc.Arbitrary<Call> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Call>({ kind: 'claim' }) },
  { weight: 2, arbitrary: fc.constantFrom<Call>({ kind: 'cancel' }, { kind: 'cancel' }, { kind: 'retry' }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('sweep' as const), afterMs: fc.constantFrom(0, 500, 4000, 11_000) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('settle' as const),
      lease: fc.nat(2),
      outcomes: fc.array(OUTCOME, { minLength: 1, maxLength: 3 }),
    }),
  },
)
/** The calls of a round are made at once. */
const ROUNDS = fc.array(fc.array(CALL, { minLength: 1, maxLength: 4 }), { minLength: 3, maxLength: 14 })

let races = 0

async function startRace() {
  const queue = `race-${++races}`
  const accepted = new Map<number, Set<Kind>>()
  const tokens: number[] = []
  const { task } = await engine.submit({
    type: 'race',
    payload: toJsonText(null),
    queue,
    maxAttempts: 4,
    timeoutSeconds: 8,
  })
  const taskId = task.id

  async function claim(): Promise<void> {
    const worker = { workerId: `worker-${tokens.length % 2}`, nodeId: null, session: false }
    const [leased] = await engine.claim({ worker, queues: [queue], limit: 1, leaseSeconds: 3 })
    if (leased !== undefined) tokens.unshift(leased.lease.token)
  }

  async function settle(lease: number, kinds: readonly Kind[]): Promise<void> {
    const token = tokens[lease]
    if (token === undefined) return
    const { results } = await engine.settle(kinds.map((kind) => ({ taskId, token, ...OUTCOMES[kind] })))
    results.forEach(({ status }, i) => {
      if (status !== 'ok') return
      accepted.set(token, (accepted.get(token) ?? new Set()).add(kinds[i] as Kind))
    })
  }

  async function make(call: Call): Promise<unknown> {
    switch (call.kind) {
      case 'claim':
        return claim()
      case 'settle':
        return settle(call.lease, call.outcomes)
      case 'sweep':
        await clock.advance(call.afterMs)
        return assembly.store.upkeep.sweep({
          cancelGraceMs: 10_000,
          retention: DEFAULT_RETENTION,
          limit: 100,
          jitter: 0.5,
        })
      case 'cancel':
      case 'retry':
        return engine[call.kind](taskId).catch(ignoreRefusal)
    }
  }

  return { taskId, accepted, make }
}

const OUTCOMES = {
  succeeded: { outcome: 'succeeded' },
  failed: { outcome: 'failed', retryDelaySeconds: 1 },
  cancelled: { outcome: 'cancelled' },
  released: { outcome: 'released' },
} as const

function ignoreRefusal(error: unknown): void {
  if (!(error instanceof TaskyardError) || error.status !== 409) throw error
}

/** Between two ends of a task there is a retry. */
async function endsOnce(taskId: string): Promise<void> {
  const kinds = (await engine.history(taskId)).map(({ kind }) => kind)
  let isEnded = false
  for (const kind of kinds) {
    assert.ok(!isEnded || kind === 'retried', kinds.join(', '))
    isEnded = kind === 'succeeded' || kind === 'failed' || kind === 'cancelled'
  }
}
