/** A number as people read it: `1,234`. */
export function grouped(number: number): string {
  return number.toLocaleString('en')
}

/** So many of something: `1 task`, `1,234 tasks`. */
export function counted(number: number, noun: string): string {
  return `${grouped(number)} ${noun}${number === 1 ? '' : 's'}`
}
