#!/usr/bin/env node
import { runProgram } from './cli/program.ts'

// Whoever reads our output may leave early, as `head` does: that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit()
  throw error
})

await runProgram(process.argv.slice(2))
