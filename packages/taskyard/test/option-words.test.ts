import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withWaitLast } from '../src/cli/option-words.ts'

for (const [what, given, expected] of [
  ['goes behind the type', 'submit --wait email 1', 'submit email 1 --wait'],
  ['keeps its time', 'submit --wait 5m email 1', 'submit --wait 5m email 1'],
  ['goes behind a negative number', 'submit --priority -3 --wait email', 'submit --priority -3 email --wait'],
  ['goes behind a flag', 'submit --json --wait email', 'submit --json email --wait'],
  ['stays as the value of another option', 'submit --key --wait email', 'submit --key --wait email'],
  ['stays behind the end of the options', 'submit email -- --wait x', 'submit email -- --wait x'],
] as const)
  test(`--wait ${what}`, () => assert.deepEqual(withWaitLast(given.split(' ')), expected.split(' ')))
