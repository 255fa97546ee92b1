import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** A child that reads its options as JSON from standard input and prints its result as its last line, as JSON. */
export interface Program {
  readonly command?: string
  readonly script: string
  readonly options: unknown
  readonly environment?: Readonly<Record<string, string>>
  /** Hears each line of its standard error. */
  readonly tell?: (line: string) => void
}

/** Runs a program to its end. Rejects with its standard error when it fails. */
export async function runProgram<Result>(program: Program): Promise<Result> {
  const { command = process.execPath, script, options, environment, tell } = program
  const child = spawn(command, [script], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  })
  child.stdin.end(JSON.stringify(options))
  const output: Buffer[] = []
  const errors: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk))
  if (tell !== undefined) createInterface(child.stderr).on('line', tell)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (code !== 0) throw new Error(`${script} ended with ${code}: ${Buffer.concat(errors).toString().slice(-4000)}`)
  const lines = Buffer.concat(output).toString().trim().split('\n')
  return JSON.parse(lines.at(-1) as string) as Result
}

/** The options `runProgram` handed to this process. */
export function programOptions<Options>(): Options {
  return JSON.parse(readFileSync(0, 'utf8')) as Options
}

export function printResult(result: unknown): void {
  process.stdout.write(`${JSON.stringify(result)}\n`)
}
