import { stripVTControlCharacters, styleText } from 'node:util'
import type { Environment } from '../configuration/read-configuration.ts'

type Style = Parameters<typeof styleText>[0]

/** The world outside the command line, so that tests can be one. */
export interface Terminal {
  readonly environment: Environment
  readonly stdin: Input
  readonly stdout: Output
  readonly stderr: Output
  /** Aborts at the first Ctrl-C or SIGTERM, once somebody asked for it; before that the signal ends the process. */
  interrupted(): AbortSignal
  exitWith(code: number): void
  /** Milliseconds since the epoch. */
  now(): number
  /** Milliseconds of a clock that nobody sets, since any moment: for spans. */
  monotonic(): number
}

export interface Input extends AsyncIterable<string | Uint8Array> {
  readonly isTTY?: boolean | undefined
}

export interface Output {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly rows?: number | undefined
  /** What was written and is not yet taken, in bytes. */
  readonly writableLength?: number
  write(text: string): unknown
}

/** Paints text for one output: plain text unless it is a terminal that wants colours. */
export type Paint = (style: Style, text: string) => string

/** Honours `NO_COLOR` (https://no-color.org) and `FORCE_COLOR`; otherwise colours are for terminals only. */
export function wantsColours(output: Output, environment: Environment): boolean {
  if (environment.NO_COLOR) return false
  if (environment.FORCE_COLOR !== undefined) return environment.FORCE_COLOR !== '0'
  return output.isTTY === true && environment.TERM !== 'dumb'
}

/** Leaves text as it is where {@link wantsColours} says no. */
export function paintFor(output: Output, environment: Environment): Paint {
  if (!wantsColours(output, environment)) return (_, text) => text
  return (style, text) => styleText(style, text, { validateStream: false })
}

// What steers a terminal, turns the direction of the text around it, or is a mark that nobody sees.
const UNPRINTABLE = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\p{Surrogate}]/gu

/** Text that came from outside, made harmless: what could steer a terminal is shown as an escape. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => ESCAPES.get(character) ?? escaped(character))
}

/** A text of several lines in one. */
export function inOneLine(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, ' ').trim()
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: what it looks for begins with one
const COLOURS = /(\u001b\[[\d;]*m)/

/** The same for a whole line of output, whose colours are our own. */
export function printableLine(line: string): string {
  const parts = line.split(COLOURS)
  return parts.length === 1 ? printable(line) : parts.map((part, i) => (i % 2 === 1 ? part : printable(part))).join('')
}

/** A document on one line, which spells what could steer a terminal as JSON allows. */
export function jsonLine(document: unknown): string {
  return JSON.stringify(document).replace(UNPRINTABLE, escaped)
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

const ESCAPES = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
])

/** Characters of a text, its colours not counted. */
export function visibleWidth(text: string): number {
  return [...stripVTControlCharacters(text)].length
}

/** At most `width` characters of a text without colours, with an ellipsis where something is missing. */
export function shortened(text: string, width: number): string {
  const characters = [...text]
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`
}
