import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { ChaosOptions } from './options.ts'
import { verdictText } from './report.ts'
import { runChaos } from './run.ts'

/** On a slow machine that does much else; alone, a tenth. */
const LONGEST_MS = 600_000
// How soon a task starts again is judged strictly by long runs, which have the machine to themselves.
const small = { seed: 7, limitFactor: 5, workers: 3, leaseSeconds: 2, sessionGraceSeconds: 1, log() {} } as const
const onFile = { ...small, store: 'sqlite', servers: 1, kills: 10, tasks: 500, quietMs: 4500 } as const
const onServer = { ...small, servers: 2, kills: 6, tasks: 500, quietMs: 3000 } as const

describe('a small chaos run', () => {
  it(
    'loses nothing and accepts nothing twice on SQLite while server and workers are killed',
    { timeout: LONGEST_MS },
    () => passes(onFile, { server: 5, worker: 5 }),
  )

  for (const store of ['postgres', 'redis', 'mongodb'] as const) {
    it(`nor on ${store} while database, servers and workers are killed`, { timeout: LONGEST_MS }, () =>
      passes({ ...onServer, store }, { server: 2, worker: 2, database: 2 }),
    )
  }
})

async function passes(
  options: Omit<ChaosOptions, 'directory'>,
  kills: Readonly<Record<string, number>>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'taskyard-chaos-'))
  const { verdict, history } = await runChaos({ ...options, directory })
  assert.equal(verdict.passed, true, `${verdictText(verdict)}\nhistory kept in ${history}`)
  assert.equal(verdict.acknowledged, options.tasks)
  for (const [victim, count] of Object.entries(kills)) assert.equal(verdict.faults[`kill ${victim}`], count)
  rmSync(directory, { recursive: true })
}
