import { jsonLine, type Paint, paintFor, printable, printableLine, type Terminal } from './terminal.ts'

/** How a command speaks: one JSON document with `--json`, lines for people without. */
export interface Printer {
  readonly json: boolean
  readonly paint: Paint
  /** Columns of the terminal; `undefined` when the output goes elsewhere. */
  readonly width: number | undefined
  /** The answer: `document` with `--json`, else the lines. */
  answer(document: unknown, lines: readonly string[]): void
  /** A remark for people, apart from the answer. */
  note(text: string): void
}

/** @param json whether lines are JSON, for programs, instead of text for people */
export function createPrinter(terminal: Terminal, json: boolean): Printer {
  const { stdout, stderr, environment } = terminal
  const notePaint = paintFor(stderr, environment)
  return {
    json,
    paint: paintFor(stdout, environment),
    width: stdout.isTTY ? stdout.columns : undefined,
    answer: (document, lines) =>
      stdout.write(json ? `${jsonLine(document)}\n` : `${lines.map(printableLine).join('\n')}\n`),
    note: (text) => json || stderr.write(`${notePaint('dim', printable(text))}\n`),
  }
}
