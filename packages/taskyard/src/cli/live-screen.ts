import type { Output } from './terminal.ts'

/** Lines at the bottom of a terminal that are drawn over again in place. */
export interface LiveScreen {
  draw(lines: readonly string[]): void
  /** Leaves the last picture and gives the cursor back. */
  end(): void
}

const HIDE_CURSOR = '\u001b[?25l'
const SHOW_CURSOR = '\u001b[?25h'
const ERASE_TO_LINE_END = '\u001b[K'
const ERASE_BELOW = '\u001b[J'

/** Lines must fit the terminal's width. Those that do not fit its height are counted in the last one. */
export function createLiveScreen(output: Output): LiveScreen {
  let drawn = 0
  output.write(HIDE_CURSOR)
  return {
    draw(lines) {
      const shown = fitted(lines, (output.rows ?? 24) - 1)
      const home = drawn > 0 ? `\r\u001b[${drawn}A` : ''
      output.write(`${home}${shown.map((line) => `${line}${ERASE_TO_LINE_END}\n`).join('')}${ERASE_BELOW}`)
      drawn = shown.length
    },
    end: () => output.write(SHOW_CURSOR),
  }
}

function fitted(lines: readonly string[], rows: number): readonly string[] {
  return lines.length <= rows ? lines : [...lines.slice(0, rows - 1), `… and ${lines.length - rows + 1} more lines`]
}
