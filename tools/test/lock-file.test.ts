import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type LockPackages, missingEntries } from '../complete-lock-file.ts'
import { ROOT } from './support/plant.ts'

const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as { packages: LockPackages }

test('the lock file names no registry, so that any can serve it', () => {
  const addresses = Object.values(packages).filter(({ resolved }) => resolved !== undefined && /^\w+:/.test(resolved))
  assert.deepEqual(addresses, [])
})

test('the lock file has an entry for every optional package, so that npm ci accepts it', () => {
  assert.deepEqual(missingEntries(packages), {})
})

test('a missing platform package is added with its version and platform', () => {
  const wanting = { 'node_modules/a': { dev: true, optionalDependencies: { 'a-linux-x64-musl': '1.2.3' } } }
  assert.deepEqual(missingEntries(wanting), {
    'node_modules/a-linux-x64-musl': {
      version: '1.2.3',
      dev: true,
      optional: true,
      os: ['linux'],
      cpu: ['x64'],
      libc: ['musl'],
    },
  })
})
