import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeComplaint } from '@taskyard/core/node-version'

test('an older Node is told which one it takes', () => {
  assert.equal(nodeComplaint('v20.20.2'), 'Taskyard needs Node 22.19 or later, and this is v20.20.2.')
  assert.equal(nodeComplaint('v22.18.0'), 'Taskyard needs Node 22.19 or later, and this is v22.18.0.')
  for (const version of ['v22.19.0', 'v22.23.3', 'v24.0.0', 'v25.1.0-nightly'])
    assert.equal(nodeComplaint(version), null)
})
