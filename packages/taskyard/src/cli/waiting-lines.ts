import type { WaitingReason } from '@taskyard/core'
import { type Paint, printable } from './terminal.ts'

/** Columns before the text of a field. */
const INDENT = 14
const LEAST_ROOM = 20

/** What keeps a task, for `get`: whole, on as many lines as it takes. */
export function waitingLines(reasons: readonly WaitingReason[], paint: Paint, width: number): string[] {
  const room = Math.max(LEAST_ROOM, width - INDENT)
  return reasons.flatMap(({ code, message }, n) => {
    if (code === 'running') return []
    const [name, text] =
      code === 'cancel_requested' ? ['stopping', message] : ['waiting', `${n === 0 ? '' : 'and '}because ${message}`]
    const lines = wrapped(printable(text), room)
    return lines.map((line, at) => `  ${paint('yellow', (n + at === 0 ? name : '').padEnd(INDENT - 4))}  ${line}`)
  })
}

/** The same in one remark, for who waits: of several, what keeps it longest. */
export function waitingRemark({ code, message }: WaitingReason): string {
  return code === 'running' || code === 'cancel_requested' ? message : `waiting because ${message}`
}

/** Lines of at most `room` characters, broken between words where there are any. */
function wrapped(text: string, room: number): readonly string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= room) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}
