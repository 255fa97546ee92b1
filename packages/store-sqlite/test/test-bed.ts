import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { taskMaker } from '@taskyard/conformance'
import type { OpenedStore } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'
import { openSqliteStore } from '../src/index.ts'

export { CLAIM, submissions } from '@taskyard/conformance'

export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'taskyard-sqlite-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A store that closes with its test. */
export async function openStore(t: TestContext, path: string): Promise<OpenedStore> {
  const store = await openSqliteStore({ path, clock: systemClock })
  t.after(() => store.lifecycle.close())
  return store
}

/** A task of its own id, made now. */
export const newTask = taskMaker(systemClock)
