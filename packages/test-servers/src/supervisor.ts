// Stands between a test process and a server, so that the server never outlives the test: when the test process ends, in
// whatever way, its end of the pipe to standard input closes, and the server is killed and its data removed.
import { spawn } from 'node:child_process'
import { openSync, rmSync, writeSync } from 'node:fs'
import { killTree } from './process-tree.ts'
import type { SupervisedCommand } from './supervised-command.ts'

const { command, args, env, user, log, removeAtEnd } = JSON.parse(process.argv[2] as string) as SupervisedCommand

const output = openSync(log, 'a')
const server = spawn(command, args, {
  cwd: '/',
  env: { ...process.env, ...env },
  detached: true,
  stdio: ['ignore', output, output],
  ...user,
})
server.once('error', (error) => {
  writeSync(output, `${error.message}\n`)
  process.exit(1)
})
// Nobody may be left to read it.
process.stdout.on('error', () => {})
if (server.pid !== undefined) process.stdout.write(`${server.pid}\n`)

let endsWithTest = false
server.once('exit', () => {
  if (endsWithTest) rmSync(removeAtEnd, { recursive: true, force: true })
  process.exit(0)
})
process.stdin.resume()
process.stdin.once('close', async () => {
  endsWithTest = true
  if (server.pid !== undefined) await killTree(server.pid)
})
