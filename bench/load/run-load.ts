import { fileURLToPath } from 'node:url'
import { runProgram } from '../processes/program.ts'
import type { LoadOptions, LoadResult } from './http-load.ts'

/** Runs the load generator in its own process. Rejects when any answer had another status than wanted. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const script = fileURLToPath(new URL('./http-load.ts', import.meta.url))
  const result = await runProgram<LoadResult>({ script, options })
  if (result.refused > 0)
    throw new Error(`${result.refused} answers were not ${options.status}: ${result.firstRefusal}`)
  return result
}
