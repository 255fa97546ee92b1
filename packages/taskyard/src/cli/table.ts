import { type Paint, printable, shortened, visibleWidth } from './terminal.ts'

export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
  /** Gives way when the table is wider than the terminal, the widest such column first: down to so many characters. */
  readonly least?: number
  /** Left out when the terminal is too narrow; the highest rank goes first. */
  readonly dropRank?: number
}

export interface Cell {
  readonly text: string
  readonly style?: Parameters<Paint>[0]
}

export interface TableOptions {
  readonly paint: Paint
  /** Characters per line; unbounded when the output is no terminal. */
  readonly width?: number | undefined
}

const GAP = '  '

/** Lines of an aligned table with a heading. Cells hold plain text; their style is put on after alignment. */
export function tableLines(columns: readonly Column[], cells: readonly (readonly Cell[])[], options: TableOptions) {
  const rows = cells.map((row) => row.map((cell) => ({ ...cell, text: printable(cell.text) })))
  const widths = naturalWidths(columns, rows)
  const kept = columnsThatFit(columns, widths, options.width)
  const heading = columns.map(({ title }): Cell => ({ text: title, style: 'dim' }))
  const shown = kept.map((index) => columns[index] as Column)
  const shownWidths = shrunk(
    shown,
    kept.map((index) => widths[index] as number),
    options.width,
  )
  return [heading, ...rows].map((cells) => {
    const shownCells = kept.map((index) => cells[index] as Cell)
    return line(shown, shownCells, shownWidths, options.paint)
  })
}

function line(columns: readonly Column[], cells: readonly Cell[], widths: readonly number[], paint: Paint): string {
  const parts = columns.map((column, index) => {
    const { text, style } = cells[index] as Cell
    const width = widths[index] as number
    const shown = shortened(text, width)
    const padding = ' '.repeat(width - visibleWidth(shown))
    const painted = style === undefined || shown === '' ? shown : paint(style, shown)
    if (column.align === 'right') return padding + painted
    return index === columns.length - 1 ? painted : painted + padding
  })
  return parts.join(GAP).trimEnd()
}

function naturalWidths(columns: readonly Column[], rows: readonly (readonly Cell[])[]): number[] {
  return columns.map(({ title }, index) =>
    Math.max(visibleWidth(title), ...rows.map((cells) => visibleWidth((cells[index] as Cell).text))),
  )
}

/** Indexes of the columns that remain when enough of the droppable ones are left out. */
function columnsThatFit(columns: readonly Column[], widths: readonly number[], width = Infinity): number[] {
  const kept = columns.map((_, index) => index)
  const least = (index: number) => leastWidth(columns[index] as Column, widths[index] as number)
  const rank = (index: number) => columns[index]?.dropRank ?? 0
  while (totalWidth(kept.map(least)) > width) {
    const next = kept.toSorted((a, b) => rank(b) - rank(a))[0] as number
    if (rank(next) === 0) break
    kept.splice(kept.indexOf(next), 1)
  }
  return kept
}

/** The widths, with the flexible columns as narrow as the terminal wants them. */
function shrunk(columns: readonly Column[], naturals: readonly number[], width = Infinity): readonly number[] {
  const widths = [...naturals]
  const room = (index: number) => {
    const current = widths[index] as number
    return current > leastWidth(columns[index] as Column, naturals[index] as number) ? current : 0
  }
  while (totalWidth(widths) > width) {
    const widest = columns.map((_, index) => index).toSorted((a, b) => room(b) - room(a))[0] as number
    if (room(widest) === 0) break
    widths[widest] = (widths[widest] as number) - 1
  }
  return widths
}

function leastWidth({ least, title }: Column, natural: number): number {
  return least === undefined ? natural : Math.max(title.length, Math.min(natural, least))
}

function totalWidth(widths: readonly number[]): number {
  return widths.reduce((sum, columnWidth) => sum + columnWidth, 0) + GAP.length * (widths.length - 1)
}
