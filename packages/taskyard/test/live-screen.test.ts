import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createLiveScreen } from '../src/cli/live-screen.ts'

describe('a live screen', () => {
  it('draws every picture over the one before', () => {
    const terminal = createTerminal(10)
    const screen = createLiveScreen(terminal)
    screen.draw(['heading', 'one', 'two', 'three'])
    screen.draw(['heading', 'ONE'])
    screen.end()
    assert.deepEqual(terminal.lines(), ['$ taskyard', 'heading', 'ONE', '', '', ''])
  })

  it('hides the cursor while it lives and gives it back', () => {
    const terminal = createTerminal(10)
    const screen = createLiveScreen(terminal)
    screen.draw(['x'])
    assert.equal(terminal.cursorShown(), false)
    screen.end()
    assert.equal(terminal.cursorShown(), true)
  })

  it('counts the lines that do not fit', () => {
    const terminal = createTerminal(4)
    createLiveScreen(terminal).draw(['1', '2', '3', '4', '5'])
    assert.deepEqual(terminal.lines(), ['$ taskyard', '1', '2', '… and 3 more lines', ''])
  })
})

/** A terminal of endless height that knows the few control sequences in use (ECMA-48). */
function createTerminal(rows: number) {
  const lines = ['$ taskyard', '']
  let [row, column, isCursorShown] = [1, 0, true]
  const control = (parameters: string, final: string) => {
    if (final === 'A') row -= Number(parameters)
    else if (final === 'K') lines[row] = (lines[row] as string).slice(0, column)
    else if (final === 'J') lines.fill('', row).splice(row, 1, (lines[row] as string).slice(0, column))
    else if (parameters === '?25') isCursorShown = final === 'h'
    else throw new Error(`unknown control sequence ${parameters}${final}`)
  }
  const put = (character: string) => {
    const before = (lines[row] as string).padEnd(column)
    lines[row] = before.slice(0, column) + character + before.slice(column + 1)
    column++
  }
  return {
    rows,
    columns: 80,
    isTTY: true,
    lines: () => lines,
    cursorShown: () => isCursorShown,
    write(text: string) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control sequences are what it reads
      for (const [token, parameters, final] of text.matchAll(/\u001b\[([?\d]*)([A-Za-z])|[\s\S]/g)) {
        if (final !== undefined) control(parameters as string, final)
        else if (token === '\r') column = 0
        else if (token === '\n') [row, column] = [row + 1, 0]
        else put(token)
        lines[row] ??= ''
      }
    },
  }
}
