import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { stripVTControlCharacters } from 'node:util'

export const ROOT = join(import.meta.dirname, '..', '..', '..')

/** A folder that is checked by our own configuration, with `files` planted in it; gone after the test. */
export function plant(t: TestContext, files: Readonly<Record<string, string>>, ours: readonly string[] = []): string {
  const folder = mkdtempSync(join(tmpdir(), 'taskyard-planted-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  for (const name of ours) cpSync(join(ROOT, name), join(folder, name))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

/** Runs a tool in a folder; `output` is all it printed. */
export function runIn(folder: string, tool: string, ...args: string[]): { status: number | null; output: string } {
  const command = tool === 'node' ? process.execPath : join(ROOT, 'node_modules', '.bin', tool)
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' })
  return { status, output: stripVTControlCharacters(stdout + stderr) }
}
