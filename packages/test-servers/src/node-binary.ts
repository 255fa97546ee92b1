import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { inCache } from './cache.ts'

const run = promisify(execFile)

/**
 * The path of a Node of this exact version, fetched once from the registry that npm is configured for.
 * @throws with instructions, where there is none for this platform
 */
export async function nodeBinary(version: string): Promise<string> {
  const name = `node-${process.platform}-${process.arch}`
  const folder = await inCache(`node-${version}`, null, async (target) => {
    console.error(`Fetching Node ${version} for the tests, once`)
    mkdirSync(target)
    const quiet = ['--no-save', '--no-audit', '--no-fund', '--loglevel=error', '--prefix', target]
    await run('npm', ['install', ...quiet, `${name}@${version}`])
  }).catch((cause: Error) => {
    throw new Error(
      `The tests need Node ${version}, and the package ${name} could not be had. They run on Linux with a registry of npm in reach: ${cause.message}`,
      { cause },
    )
  })
  return join(folder, 'node_modules', name, 'bin', 'node')
}
