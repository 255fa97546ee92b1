import assert from 'node:assert/strict'
import { globSync, mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { TestServer } from '@taskyard/test-servers'
import { Redis } from 'ioredis'
import type { ChaosOptions } from './options.ts'
import { verdictText } from './report.ts'
import { runChaos } from './run.ts'

describe('a chaos run', () => {
  it('finds out a database that forgets its last writes when it is killed', { timeout: 120_000 }, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'taskyard-planted-'))
    const { verdict } = await runChaos({ ...options, directory })
    assert.equal(verdict.complete, true)
    assert.equal(verdict.passed, false)
    assert.notEqual(verdict.violations.lost.length, 0, verdictText(verdict))
    rmSync(directory, { recursive: true })
  })
})

const options: Omit<ChaosOptions, 'directory'> = {
  store: 'redis',
  plant: forgetLastWrites,
  servers: 1,
  kills: 6,
  tasks: 300,
  seed: 7,
  workers: 3,
  leaseSeconds: 2,
  sessionGraceSeconds: 1,
  quietMs: 500,
  tell() {},
}

const FORGOTTEN_BYTES = 50_000

/** As if the append-only file had never been synced, and the machine had failed. */
async function forgetLastWrites({ url }: TestServer): Promise<() => Promise<void>> {
  const redis = new Redis(url)
  const [, folder] = (await redis.config('GET', 'dir')) as [string, string]
  redis.disconnect()
  return async () => {
    const [file] = globSync(join(folder, 'appendonlydir', '*.incr.aof'))
    assert.ok(file, 'Redis keeps no append-only file')
    truncateSync(file, Math.max(0, statSync(file).size - FORGOTTEN_BYTES))
  }
}
