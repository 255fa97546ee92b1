import { fileURLToPath } from 'node:url'
import { runProgram } from '../processes/program.ts'
import type { FillFinishedOptions, FillFinishedResult } from '../programs/fill-finished.ts'

/** Fills a Taskyard store with finished tasks of the past days, in a process of its own. */
export function fillFinished(options: FillFinishedOptions): Promise<FillFinishedResult> {
  const script = fileURLToPath(new URL('../programs/fill-finished.ts', import.meta.url))
  return runProgram<FillFinishedResult>({ script, options })
}
