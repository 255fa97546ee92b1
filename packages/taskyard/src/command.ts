import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

// Compiling the sources takes longer than most commands; it is done once. The cache is the user's own: compiled code in a
// folder that others can write to would be theirs to choose.
const home = homedir()
if (isAbsolute(home)) enableCompileCache(join(home, '.cache', 'taskyard'))
const { runProgram } = await import('./cli/program.ts')
const { processTerminal } = await import('./cli/process-terminal.ts')

const terminal = processTerminal()
process.stdout.on('error', terminal.outputLost)
// The log of a server whose reader is gone, or whose disk is full, is no reason to end.
process.stderr.on('error', () => {})
await runProgram(process.argv.slice(2), terminal)
terminal.close()
