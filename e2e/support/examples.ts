import { readFileSync } from 'node:fs'

/** A fenced block of a document. */
export interface Example {
  readonly language: string
  /** What follows the language: a file name, or what is special about running the block. */
  readonly note: string
  readonly text: string
}

/** The fenced blocks of a Markdown file that say their language, in order. */
export function examplesOf(path: string): readonly Example[] {
  const fences = readFileSync(path, 'utf8').matchAll(/^```(\w+)(?: ([^\n]+))?\n([\s\S]*?)^```$/gm)
  return [...fences].map(([, language = '', note = '', text = '']) => ({ language, note, text }))
}
