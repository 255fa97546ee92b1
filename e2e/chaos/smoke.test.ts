import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { verdictText } from './report.ts'
import { runChaos } from './run.ts'

it('loses nothing and accepts nothing twice while server and workers are killed', { timeout: 120_000 }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'taskyard-chaos-'))
  const small = { kills: 10, tasks: 500, seed: 7, workers: 3, leaseSeconds: 2, sessionGraceSeconds: 1 }
  const { verdict, history } = await runChaos({ ...small, directory, tell() {} })
  assert.equal(verdict.passed, true, `${verdictText(verdict)}\nhistory kept in ${history}`)
  assert.equal(verdict.acknowledged, 500)
  assert.equal((verdict.faults['kill server'] ?? 0) + (verdict.faults['kill worker'] ?? 0), 10)
  rmSync(directory, { recursive: true })
})
