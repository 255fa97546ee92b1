import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmod, chown, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { systemClock } from '@taskyard/core/runtime'
import { openSqliteStore } from '../src/index.ts'
import { temporaryFolder } from './test-bed.ts'

const NOBODY = 65_534

async function closedStore(t: TestContext) {
  const folder = join(await temporaryFolder(t), 'data')
  await mkdir(folder)
  const path = join(folder, 'tasks.db')
  await (await openSqliteStore({ path, clock: systemClock })).lifecycle.close()
  await chmod(join(folder, '..'), 0o755)
  return { folder, path }
}

/** What somebody without special rights is told who opens the file. */
async function openWithoutRights(path: string): Promise<string> {
  const program = `
    import { openDatabase } from ${JSON.stringify(new URL('../src/database.ts', import.meta.url).href)}
    if (process.getuid() === 0) process.setuid(${NOBODY})
    try { openDatabase(${JSON.stringify(path)}); console.log('opened') }
    catch ({ code, message }) { console.log(code + ': ' + message) }`
  const args = ['--input-type=module', '--eval', program]
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: import.meta.dirname, timeout: 30_000 })
  return stdout
}

/** As root nobody else may write anything; without root it is the own right that is taken. */
async function giveAway(path: string, mode: number): Promise<void> {
  await chmod(path, mode)
  if (process.getuid?.() === 0 && mode === 0o755) await chown(path, NOBODY, NOBODY)
}

test('a file that may not be written is named, with the reason', async (t) => {
  const { folder, path } = await closedStore(t)
  await giveAway(folder, 0o755)
  await giveAway(path, 0o444)
  assert.match(
    await openWithoutRights(path),
    /^store_read_only: .*may not write .*\/data\/tasks\.db\. Nothing was stored/,
  )
})

test('a folder that may not be written is named, with the reason', async (t) => {
  const { folder, path } = await closedStore(t)
  await giveAway(path, 0o666)
  await giveAway(folder, 0o555)
  const told = await openWithoutRights(path)
  await chmod(folder, 0o755)
  assert.match(told, /^store_read_only: .*may not write .*\/data\. Nothing was stored/)
})
