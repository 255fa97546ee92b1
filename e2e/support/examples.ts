import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'

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

/** The block of a document with this note, or the nth one in this language. */
export function example(file: string, name: string, nth?: number): string {
  const found = examplesOf(file).filter(({ note, language }) => (nth === undefined ? note : language) === name)
  const text = found[nth ?? 0]?.text
  assert.ok(text, `${basename(file)} has no ${name}`)
  return text
}
