import { type Paint, shortened, visibleWidth } from './terminal.ts'

export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
  /** Gives way when the table is wider than the terminal. */
  readonly flexible?: boolean
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

/** Lines of an aligned table with a heading. Cells hold plain, printable text; their style is put on after alignment. */
export function tableLines(columns: readonly Column[], rows: readonly (readonly Cell[])[], options: TableOptions) {
  const widths = fittedWidths(columns, rows, options.width)
  const heading = columns.map(({ title }): Cell => ({ text: title, style: 'dim' }))
  return [heading, ...rows].map((cells) => line(columns, cells, widths, options.paint))
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

function fittedWidths(columns: readonly Column[], rows: readonly (readonly Cell[])[], width = Infinity): number[] {
  const natural = columns.map(({ title }, index) =>
    Math.max(visibleWidth(title), ...rows.map((cells) => visibleWidth((cells[index] as Cell).text))),
  )
  const total = natural.reduce((sum, columnWidth) => sum + columnWidth, 0) + GAP.length * (columns.length - 1)
  const excess = Math.max(0, total - width)
  const flexible = columns.findIndex((column) => column.flexible)
  return natural.map((columnWidth, index) =>
    index === flexible ? Math.max((columns[index] as Column).title.length, columnWidth - excess) : columnWidth,
  )
}
