// Installs the peers beside this file, outside the workspace, once and whenever package.json has others: `node bench/peers/install.mjs`.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const directory = dirname(fileURLToPath(import.meta.url))
const bun = join(directory, 'node_modules', '.bin', 'bun')
const { dependencies } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
if (!Object.entries(dependencies).every(([name, version]) => versionOf(name) === version)) {
  execFileSync('npm', ['install', '--no-workspaces', '--no-audit', '--no-fund'], {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}
process.stdout.write(`${JSON.stringify({ bun, version: execFileSync(bun, ['--version']).toString().trim() })}\n`)

function versionOf(name) {
  const file = join(directory, 'node_modules', name, 'package.json')
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : null
}
