import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import * as client from '@taskyard/client'
import * as taskyard from '../src/index.ts'

/** What is about a Taskyard inside the program; all else a client has as well. */
const ABOUT_TASKYARD = [
  'EndEvent',
  'IdGenerator',
  'OpenOptions',
  'Retention',
  'TaskEndListener',
  'TaskEnds',
  'Taskyard',
]

it('exports what the client exports, and beside it only what is about a Taskyard inside the program', () => {
  const ofClient = exportsOf('@taskyard/client')
  assert.deepEqual([...exportsOf('@taskyard/taskyard')].filter((name) => !ofClient.has(name)).sort(), ABOUT_TASKYARD)
  assert.deepEqual(
    Object.keys(taskyard).filter((name) => name !== 'Taskyard'),
    Object.keys(client),
  )
})

it('exports from the client what a worker and its caller need, types too', () => {
  const needed = ['Client', 'TaskAborted', 'TaskFailure', 'TaskResultError', 'TaskyardError', 'isReason']
  assert.deepEqual(Object.keys(client), needed)
  const types = [
    'HandlerWithDefaults',
    'LeasedTaskDocument',
    'TaskContext',
    'TaskHandler',
    'TaskHandlers',
    'WorkerOptions',
  ]
  const exported = exportsOf('@taskyard/client')
  assert.deepEqual(
    types.filter((name) => !exported.has(name)),
    [],
  )
})

/** Names, also those of types, which are not there at run time. */
function exportsOf(module: string): ReadonlySet<string> {
  const text = readFileSync(fileURLToPath(import.meta.resolve(module)), 'utf8')
  const lists = [...text.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, list = '']) => list.split(','))
  const names = lists.map((name) => name.replace('type ', '').trim()).filter((name) => name !== '')
  const others = [...text.matchAll(/^export \* from '([^']+)'/gm)].flatMap(([, from = '']) => [...exportsOf(from)])
  return new Set([...names, ...others])
}
