import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { beside } from './beside.ts'

// Whether a log is there can be told by its header alone, which SQLite writes and syncs before the first of its pages, and
// which stays when all of them are in the file: https://www.sqlite.org/fileformat2.html#the_write_ahead_log

const HEADER_BYTES = 32
/** Its last bit: whether the checksum is of numbers whose highest byte comes first. */
const MAGIC = 0x377f0682
/** The first of the two sums behind what they are of. */
const CHECKSUM_OFFSET = 24

/** The log of a database at `path`. */
export function logOf(path: string): string {
  return beside(path, '-wal')
}

/** Whether there is a log that SQLite would read. One that may not be read is there. */
export function hasLog(path: string): boolean {
  try {
    return isWhole(readHeader(logOf(path)))
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT'
  }
}

/** Whether something is in the log beside its header, whatever it is. */
export function isLogFilled(path: string): boolean {
  return (statSync(logOf(path), { throwIfNoEntry: false })?.size ?? 0) > HEADER_BYTES
}

function readHeader(path: string): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  const file = openSync(path, 'r')
  try {
    return header.subarray(0, readSync(file, header, 0, HEADER_BYTES, 0))
  } finally {
    closeSync(file)
  }
}

function isWhole(header: Buffer): boolean {
  if (header.length < HEADER_BYTES || (header.readUInt32BE(0) & ~1) !== MAGIC) return false
  const told = [header.readUInt32BE(CHECKSUM_OFFSET), header.readUInt32BE(CHECKSUM_OFFSET + 4)]
  return checksum(header).every((sum, i) => sum === told[i])
}

/** As https://www.sqlite.org/fileformat2.html#checksum_algorithm says, of what stands before it. */
function checksum(header: Buffer): readonly [number, number] {
  const isHighFirst = (header.readUInt32BE(0) & 1) === 1
  const numberAt = (at: number) => (isHighFirst ? header.readUInt32BE(at) : header.readUInt32LE(at))
  let [first, second] = [0, 0]
  for (let at = 0; at < CHECKSUM_OFFSET; at += 8) {
    first = (first + numberAt(at) + second) >>> 0
    second = (second + numberAt(at + 4) + first) >>> 0
  }
  return [first, second]
}
