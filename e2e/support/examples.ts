import { readFileSync } from 'node:fs'

/** A fenced block of a document: `sh`, or `ts tasks.ts` where it is a file. */
export interface Example {
  readonly language: string
  readonly file: string | null
  readonly text: string
}

/** The fenced blocks of a Markdown file that say their language, in order. */
export function examplesOf(path: string): readonly Example[] {
  const fences = readFileSync(path, 'utf8').matchAll(/^```(\w+)(?: (\S+))?\n([\s\S]*?)^```$/gm)
  return [...fences].map(([, language = '', file, text = '']) => ({ language, file: file ?? null, text }))
}
