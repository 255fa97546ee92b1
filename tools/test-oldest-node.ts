// Runs test files on the oldest Node that the packages claim: `tools/test-oldest-node.ts PATTERN…`. A part of the nightly run.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { nodeBinary, startSharedServers } from '@taskyard/test-servers'

const root = join(import.meta.dirname, '..')
const { engines } = JSON.parse(readFileSync(join(root, 'packages/taskyard/package.json'), 'utf8'))
const [oldest = ''] = /\d+\.\d+\.\d+/.exec(engines.node) ?? []
const files = globSync(process.argv.slice(2), { cwd: root })

const env = { ...process.env, ...(await startSharedServers()) }
const args = ['--no-warnings', '--test', '--test-reporter=spec', ...files]
const child = spawn(await nodeBinary(oldest), args, { cwd: root, env, stdio: 'inherit' })
const [code] = (await once(child, 'exit')) as [number | null]
process.exit(files.length > 0 ? (code ?? 1) : 1)
