import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const SMALL_MEGABYTES = 48

test('a full disk refuses submissions, loses nothing, and ends as soon as there is space', async () => {
  const told = await runWithSmallDisk('./disk-trouble.ts')
  const { message, ...refusal } = told.get('full') as { message: string }
  assert.deepEqual(told.get('fresh'), { accepted: true })
  assert.deepEqual(refusal, { code: 'store_full', status: 503, definite: true })
  assert.match(message, /no space left: .*No space left on device/)
  assert.deepEqual(told.get('reading while full'), { found: 1 })
  assert.deepEqual(told.get('space again'), { accepted: true })
  assert.deepEqual(told.get('health again'), { healthy: true })
  assert.deepEqual(told.get('kept'), { missing: 0, extra: 0 })
  assert.deepEqual(told.get('claimed'), { some: true })
})

/**
 * Runs a script of this folder with a tmpfs in a mount namespace of its own, gone with the process. What it printed, by
 * its `when`.
 */
async function runWithSmallDisk(script: string): Promise<ReadonlyMap<string, object>> {
  // A server refuses to run as root, so an ordinary user must stay one.
  const asWho = process.getuid?.() === 0 ? [] : ['--map-current-user', '--keep-caps']
  const command = `mount -t tmpfs -o size=${SMALL_MEGABYTES}m tmpfs "$2" && exec "$0" "$1" "$2"`
  const shell = [...asWho, '--mount', 'sh', '-c', command, process.execPath]
  const file = fileURLToPath(new URL(script, import.meta.url))
  const disk = await mkdtemp(join(tmpdir(), 'taskyard-disk-'))
  const run = promisify(execFile)('unshare', [...shell, file, disk], { timeout: 120_000 })
  const { stdout } = await run
    .finally(() => rmdir(disk))
    .catch((cause: Error) => {
      const hint =
        'This test mounts a tmpfs: it needs root or user namespaces (sysctl kernel.unprivileged_userns_clone=1)'
      throw new Error(`${hint}: ${cause.message}`, { cause })
    })
  const lines = stdout.trim().split('\n')
  return new Map(lines.map((line) => [JSON.parse(line).when, told(line)]))
}

function told(line: string): object {
  const { when: _, ...what } = JSON.parse(line)
  return what
}
