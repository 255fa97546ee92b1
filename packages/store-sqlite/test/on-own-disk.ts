import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/**
 * Runs a script of this folder on a small disk of its own: a tmpfs in a private mount namespace, gone with the process.
 * @returns what the script printed, one JSON document per line
 */
export async function runOnOwnDisk(script: string, megabytes: number): Promise<readonly Record<string, unknown>[]> {
  const command = `disk=$(mktemp -d) && mount -t tmpfs -o size=${megabytes}m tmpfs "$disk" && exec "$0" "$1" "$disk"`
  const file = fileURLToPath(new URL(script, import.meta.url))
  const shell = ['--map-root-user', '--mount', 'sh', '-c', command, process.execPath, file]
  try {
    const { stdout } = await promisify(execFile)('unshare', shell, { timeout: 60_000 })
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  } catch (error) {
    const hint =
      'This test mounts a tmpfs: it needs root or user namespaces (sysctl kernel.unprivileged_userns_clone=1)'
    throw new Error(`${hint}: ${(error as Error).message}`, { cause: error })
  }
}
