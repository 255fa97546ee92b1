import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeComplaint } from '@taskyard/core/node-version'

test('an older Node is told which one it takes', () => {
  assert.equal(nodeComplaint('v20.20.2'), 'Taskyard needs Node 22.20, 24.7 or later, and this is v20.20.2.')
  for (const version of ['v18.0.0', 'v22.19.0', 'v23.11.1', 'v24.6.0']) {
    assert.equal(nodeComplaint(version)?.endsWith(`and this is ${version}.`), true)
  }
  for (const version of ['v22.20.0', 'v22.23.3', 'v24.7.0', 'v24.21.0', 'v25.1.0-nightly']) {
    assert.equal(nodeComplaint(version), null, version)
  }
})
