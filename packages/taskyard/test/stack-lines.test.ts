import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { stackLines } from '../src/cli/stack-lines.ts'

const OURS = pathToFileURL(join(import.meta.dirname, '../src/cli/work/fatal-errors.ts')).href
const at = (...frames: string[]) => frames.map((frame) => `\n    at ${frame}`).join('')

test('of a stack the frames of own code are shown, named from the folder', () => {
  const frames = at(
    'greet (file:///home/ada/app/tasks.ts:2:40)',
    'async open (node:internal/fs/promises:1345:25)',
    'query (/home/ada/app/node_modules/pg/client.js:1:2)',
    'file:///srv/shared/more.ts:9:1',
    `run (${OURS}:42:31)`,
  )
  const lines = stackLines(`Error: two\nlines${frames}`, 10, '/home/ada/app')
  assert.deepEqual(lines, ['at greet (./tasks.ts:2:40)', 'at /srv/shared/more.ts:9:1'])
})

test('of an error that comes from packages alone their frames are shown', () => {
  const stack = `Error: x${at('query (file:///a/node_modules/pg/client.js:1:2)', 'node:net:3:4', `f (${OURS}:1:1)`)}`
  assert.deepEqual(stackLines(stack, 10, '/b'), ['at query (/a/node_modules/pg/client.js:1:2)'])
})

test('causes are named, and no more lines come than are wanted', () => {
  const stack = `Error: one${at('a (/x/a.ts:1:1)')}\ncaused by: TypeError: two\nmore${at('b (/x/b.ts:2:2)', 'c (/x/c.ts:3:3)')}`
  const all = ['at a (./a.ts:1:1)', 'caused by: TypeError: two', 'at b (./b.ts:2:2)', 'at c (./c.ts:3:3)']
  assert.deepEqual(stackLines(stack, 4, '/x'), all)
  assert.deepEqual(stackLines(stack, 3, '/x'), [...all.slice(0, 2), '…'])
})

test('a stack of another language is shown as it is, and what is no stack not', () => {
  const traceback = 'Traceback (most recent call last):\n  File "x.py", line 1\nValueError: no'
  assert.deepEqual(stackLines(traceback, 2), traceback.split('\n').slice(1))
  for (const text of ['', 'Error: no']) assert.deepEqual(stackLines(text, 10), [])
})
