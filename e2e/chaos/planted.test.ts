import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { TestServer } from '@taskyard/test-servers'
import { appendOnlyFile } from './append-only-file.ts'
import type { ChaosOptions, DatabaseHooks } from './options.ts'
import { verdictText } from './report.ts'
import { runChaos } from './run.ts'

describe('a chaos run', () => {
  it('finds out a database that forgets its last writes when it is killed', { timeout: 600_000 }, async () => {
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
  databaseHooks: forgetLastWrites,
  servers: 1,
  kills: 6,
  tasks: 300,
  seed: 7,
  workers: 3,
  leaseSeconds: 2,
  sessionGraceSeconds: 1,
  quietMs: 500,
  log() {},
}

const FORGOTTEN_BYTES = 50_000

/** As if the append-only file had never been synced, and the machine had failed. */
function forgetLastWrites({ url }: TestServer): DatabaseHooks {
  let file: string
  return {
    async started() {
      file = await appendOnlyFile(url)
    },
    async killed() {
      truncateSync(file, Math.max(0, statSync(file).size - FORGOTTEN_BYTES))
    },
  }
}
