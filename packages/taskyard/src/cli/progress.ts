import { printable, type Terminal } from './terminal.ts'

/** One line on a terminal's stderr that is rewritten as work goes on; silent when nobody watches. */
export interface Progress {
  show(text: string): void
  /** Takes the line away. */
  clear(): void
}

const RETURN_AND_ERASE = '\r\u001b[2K'

/** On a terminal one line is written over and over; elsewhere nothing is. */
export function createProgress({ stderr }: Terminal): Progress {
  let shown = false
  return {
    show(text) {
      if (!stderr.isTTY) return
      stderr.write(`${RETURN_AND_ERASE}${printable(text)}`)
      shown = true
    },
    clear() {
      if (shown) stderr.write(RETURN_AND_ERASE)
      shown = false
    },
  }
}
