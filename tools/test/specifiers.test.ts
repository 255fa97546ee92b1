import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withOwnSpecifiers } from '../build/specifiers.ts'

const exports = { '.': './src/index.ts', './runtime': './src/runtime.ts' }
const core = {
  folder: 'core',
  path: '',
  manifest: { name: '@taskyard/core', version: '1', description: '', exports, dependencies: {} },
}

test('imports of our packages point at their folders, in code and in declarations', () => {
  const text = [
    `export { a } from '@taskyard/core'`,
    `import '@taskyard/core/runtime'`,
    `export type B = import("@taskyard/core").B`,
    `const names = ['@taskyard/core']`,
  ].join('\n')
  assert.deepEqual(withOwnSpecifiers(text, 'store-x/operations/a.js', [core]).split('\n'), [
    `export { a } from '../../core/index.js'`,
    `import '../../core/runtime.js'`,
    `export type B = import("../../core/index.js").B`,
    `const names = ['@taskyard/core']`,
  ])
})

test('an import of what the package does not hold ends the build', () => {
  const text = `import '@taskyard/engine'`
  assert.throws(
    () => withOwnSpecifiers(text, 'store-x/a.js', [core]),
    /store-x\/a\.js: @taskyard\/engine is not in this package/,
  )
})
