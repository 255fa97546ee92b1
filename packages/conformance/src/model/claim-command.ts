import assert from 'node:assert/strict'
import { type ClaimParams, type LeasedTask, SUSPECT_CRASHES } from '@taskyard/core'
import { givenBefore } from '../reference/reference-claim.ts'
import { readyInOrder } from '../reference/reference-read.ts'
import { type ReferenceTask, startAttempt } from '../reference/reference-task.ts'
import { CLAIM } from '../test-bed.ts'
import { comparable, type Model, type Real } from './model.ts'
import { sweepAndFollow } from './sweep-command.ts'

/** Claims from the store, checks that it took what it should and that every token rose, and lets the model follow. */
export async function claimAndFollow(model: Model, real: Real, wanted: Partial<ClaimParams>): Promise<void> {
  const params = { ...CLAIM, ...wanted }
  const now = model.clock.now()
  // Whether a lease that is over still holds is the store's choice until a sweep.
  if (givenBefore(model.state, params).some(({ lease }) => (lease?.expiresAt ?? now) <= now)) {
    await sweepAndFollow(model, real)
  }
  const given = givenBefore(model.state, params)
  const ready = readyInOrder(model.state, params, now)
  const claimed = await real.store.tasks.claim(params)
  if (given.length > 0) return followRepetition(model, params, given, claimed)
  const entries = claimed.map(({ id }) => model.state.tasks.get(id))
  assert.ok(
    entries.every((entry) => entry !== undefined && ready.includes(entry)),
    'only ready tasks are handed out',
  )
  const taken = asClaimed(entries as readonly ReferenceTask[], ready, params)
  assertSuspectsAlone(taken, ready.slice(0, params.limit), ready)
  assert.deepEqual(taken.map(priorityOf), ready.slice(0, taken.length).map(priorityOf), 'higher priority goes first')
  assertFirstComeFirstServed(taken, ready)
  for (const task of claimed) follow(model, params, task)
}

/** The same claim again gives the same leases, and tells of their tasks what a reader is told. */
function followRepetition(
  model: Model,
  { leaseMs }: ClaimParams,
  given: readonly ReferenceTask[],
  claimed: readonly LeasedTask[],
): void {
  const realTokenOf = ({ task, token }: ReferenceTask) =>
    model.leases.find(({ taskId, modelToken }) => taskId === task.id && modelToken === token)?.realToken
  const expected = given.map((entry) => `${entry.task.id} ${realTokenOf(entry)}`)
  assert.deepEqual(
    claimed.map(({ id, lease }) => `${id} ${lease.token}`),
    expected,
    'the same leases',
  )
  assert.deepEqual(
    claimed.map(comparable),
    given.map(({ task }) => comparable(task)),
  )
  for (const [index, entry] of given.entries()) {
    const { lease } = claimed[index] as LeasedTask
    assert.ok(lease.again, 'what was given before says so')
    assert.ok(lease.expiresAt >= model.clock.now() + leaseMs, 'a repetition extends leases by all that is asked for')
    followEnd(entry, lease)
  }
}

/** An answer that was lost is that of a repetition, in the order of submission. */
function asClaimed(
  taken: readonly ReferenceTask[],
  ready: readonly ReferenceTask[],
  { requestId }: ClaimParams,
): readonly ReferenceTask[] {
  return requestId === null ? taken : ready.filter((entry) => taken.includes(entry))
}

/** All that are wanted, unless a suspect is in the way. Where tasks that come back are put in line is the store's choice. */
function assertSuspectsAlone(
  taken: readonly ReferenceTask[],
  wanted: readonly ReferenceTask[],
  ready: readonly ReferenceTask[],
): void {
  if (taken.some(isSuspect)) return assert.equal(taken.length, 1, 'a suspect is given out alone')
  const next = wanted[taken.length]
  if (next === undefined) return assert.equal(taken.length, wanted.length)
  assert.ok(taken.length > 0, 'who may have a suspect gets it')
  const isInTheWay = (entry: ReferenceTask) => isSuspect(entry) && priorityOf(entry) === priorityOf(next)
  assert.ok(ready.some(isInTheWay), 'a claim takes what is ready')
}

function isSuspect({ task }: ReferenceTask): boolean {
  return task.crashes >= SUSPECT_CRASHES
}

/**
 * Among tasks of one priority that were never claimed nor retried before. Where a task that comes back is put in line
 * is the store's choice.
 */
function assertFirstComeFirstServed(taken: readonly ReferenceTask[], ready: readonly ReferenceTask[]): void {
  for (const priority of new Set(taken.map(priorityOf))) {
    const idsOf = (entries: readonly ReferenceTask[]) =>
      entries.filter((entry) => isFresh(entry) && priorityOf(entry) === priority).map(({ task }) => task.id)
    assert.deepEqual(idsOf(taken), idsOf(ready).slice(0, idsOf(taken).length), 'first come, first served')
  }
}

function isFresh({ token, events }: ReferenceTask): boolean {
  return token === 0 && events.every(({ kind }) => kind !== 'retried')
}

function follow(model: Model, params: ClaimParams, { id, lease }: LeasedTask): void {
  const entry = model.state.tasks.get(id) as ReferenceTask
  const earlier = model.leases.filter(({ taskId }) => taskId === id)
  assert.ok(
    earlier.every(({ realToken }) => realToken < lease.token),
    'the token rises',
  )
  startAttempt(entry, params, model.clock.now())
  followEnd(entry, lease)
  model.leases.push({ taskId: id, modelToken: entry.token, realToken: lease.token, settledAs: null })
}

/** An answer that was lost is that of a repetition, which moved the end. */
function followEnd({ lease }: ReferenceTask, { expiresAt, again }: LeasedTask['lease']): void {
  if (lease === null) return
  const endsByDeadline = lease.deadlineAt !== null && lease.deadlineAt <= Math.min(expiresAt, lease.expiresAt)
  if (!again) assert.equal(expiresAt, lease.expiresAt)
  else if (endsByDeadline) assert.notEqual(expiresAt, lease.expiresAt, 'a repetition moves the end that is told')
  else assert.ok(expiresAt > lease.expiresAt, 'a repetition extends leases')
  lease.expiresAt = expiresAt
}

function priorityOf({ task }: ReferenceTask): number {
  return task.priority
}
