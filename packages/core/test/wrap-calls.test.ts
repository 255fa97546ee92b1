import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type CallsOf,
  type OpenedStore,
  type PresencePort,
  type StoreCall,
  type WrapCall,
  wrapCalls,
} from '../src/index.ts'

interface LongerPort extends PresencePort {
  endWorker(): Promise<void>
}

test('a new method of a facet does not compile until it is named', () => {
  // @ts-expect-error: `endWorker` is missing
  const calls: CallsOf<LongerPort> = { beat: true, holders: true, endLeases: true, takeBackCrashes: true }
  assert.equal('endWorker' in calls, false)
})

type Calls = Readonly<Record<string, () => Promise<string>>>

/** A store each of whose calls answers with its own name. */
function namingStore(): OpenedStore {
  const facet = new Proxy({}, { get: (_target, name) => async () => name })
  const facets = ['tasks', 'reads', 'queues', 'taskTypes', 'presence', 'upkeep', 'wakeUps', 'news', 'lifecycle']
  return Object.fromEntries(facets.map((name) => [name, facet])) as unknown as OpenedStore
}

test('every call that asks the store goes through the wrapper, once, under its own name', async () => {
  const asked: StoreCall[] = []
  const wrap: WrapCall = (name, call) => (params) => {
    asked.push(name)
    return call(params)
  }
  const { lifecycle, wakeUps: _wakeUps, news: _news, ...facets } = wrapCalls(namingStore(), wrap)
  const calls = Object.values(facets).flatMap((facet) => Object.entries(facet as unknown as Calls))
  calls.push(['migrate', lifecycle.migrate as unknown as Calls[string]])
  for (const [name, call] of calls) assert.equal(await call(), name)
  assert.deepEqual(
    asked,
    calls.map(([name]) => name),
  )
})
