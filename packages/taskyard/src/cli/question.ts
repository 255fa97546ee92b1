import { printable, type Terminal } from './terminal.ts'

/** Whether somebody sits there who can be asked. */
export function canAsk({ stdin, stderr }: Terminal): boolean {
  return stdin.isTTY === true && stderr.isTTY === true
}

/** Asks, apart from the answers of a command. Whatever is not yes is no, the end of the input too. */
export async function isConfirmed({ stdin, stderr }: Terminal, question: string): Promise<boolean> {
  stderr.write(`${printable(question)} [y/N] `)
  let line = ''
  for await (const part of stdin) {
    line += part
    if (line.includes('\n')) return /^y(es)?$/i.test(line.slice(0, line.indexOf('\n')).trim())
  }
  stderr.write('\n')
  return false
}
