// Installs the peers beside this file, once, outside the workspace: `node bench/peers/install.mjs`.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const directory = dirname(fileURLToPath(import.meta.url))
const bun = join(directory, 'node_modules', '.bin', 'bun')
if (!existsSync(bun) || !existsSync(join(directory, 'node_modules', 'bunqueue'))) {
  execFileSync('npm', ['install', '--no-workspaces', '--no-audit', '--no-fund', '--no-package-lock'], {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}
process.stdout.write(`${JSON.stringify({ bun, version: execFileSync(bun, ['--version']).toString().trim() })}\n`)
