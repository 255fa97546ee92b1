import assert from 'node:assert/strict'
import { createSimulatedClock, type SimulatedClock } from './simulated-clock.ts'
import type { OpenStore, StoreSetting } from './store-under-test.ts'
import { callsOn, type TestBed, taskMaker } from './test-bed.ts'

/** What a test bed is opened with. `clock` is left out for simulated time. */
export type TestBedSetting = Partial<Omit<StoreSetting, 'clock'>> & { readonly clock?: SimulatedClock }

/** A test bed on a fresh, migrated store; who opens it destroys it. Nothing is left of the store when this throws. */
export async function openTestBed(openStore: OpenStore, setting: TestBedSetting = {}): Promise<TestBed> {
  const clock = setting.clock ?? createSimulatedClock()
  const opened = await openStore({ ...setting, clock })
  let store = opened.store
  try {
    await store.lifecycle.migrate()
  } catch (error) {
    await opened.destroy()
    throw error
  }
  const newTask = taskMaker(clock)
  return {
    ...callsOn(() => store, newTask),
    clock,
    get store() {
      return store
    },
    get news() {
      return present(opened.news, 'news between processes')
    },
    get server() {
      return present(opened.server, 'a server of its own')
    },
    async reopen() {
      store = await opened.reopen()
      await store.lifecycle.migrate()
    },
    async declareAsBefore(namespace, declared) {
      if (opened.declareAsBefore !== undefined) return await opened.declareAsBefore(namespace, declared)
      await store.taskTypes.declareTypes({ namespace, types: [declared], limit: 1000 })
    },
    async openAnother(clockOfOther = clock) {
      const other = await present(opened.openAnother, 'openAnother()')({ clock: clockOfOther })
      return { ...callsOn(() => other, newTask), store: other, news: present(other.news, 'news between processes') }
    },
    destroy: () => opened.destroy(),
  }
}

function present<Value>(value: Value | null | undefined, what: string): Value {
  assert.ok(value != null, `the store under test has not ${what}; if it cannot be shared, declare that`)
  return value
}
