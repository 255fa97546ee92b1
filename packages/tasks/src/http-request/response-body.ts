import { isUtf8 } from 'node:buffer'

/** Bytes of a response that are stored in the task's result. */
export const MAX_STORED_BYTES = 262_144

export interface StoredBody {
  readonly body: string
  readonly bodyEncoding: 'text' | 'base64'
  /** The response had more than `body` holds. */
  readonly truncated: boolean
}

/** Reads at most `limit` bytes and keeps the first 256 KiB; beyond the limit the stream is given up. */
export async function readBody(stream: AsyncIterable<Uint8Array>, limit: number): Promise<StoredBody> {
  const kept: Uint8Array[] = []
  let keptBytes = 0
  let bytes = 0
  for await (const chunk of stream) {
    bytes += chunk.length
    const part = chunk.subarray(0, Math.min(limit, MAX_STORED_BYTES) - keptBytes)
    if (part.length > 0) kept.push(part)
    keptBytes += part.length
    if (bytes > limit) break
  }
  return storedBody(Buffer.concat(kept), bytes > keptBytes)
}

function storedBody(bytes: Buffer, truncated: boolean): StoredBody {
  const whole = truncated ? bytes.subarray(0, endOfLastCharacter(bytes)) : bytes
  if (isPlainText(whole)) return { body: whole.toString('utf8'), bodyEncoding: 'text', truncated }
  return { body: bytes.toString('base64'), bodyEncoding: 'base64', truncated }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL_CHARACTER = /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/

/** UTF-8 without control characters: these grow sixfold in JSON and could push the result over its limit. */
function isPlainText(bytes: Buffer): boolean {
  return isUtf8(bytes) && !CONTROL_CHARACTER.test(bytes.toString('utf8'))
}

/** Where to cut so that no UTF-8 character is left without its tail. */
function endOfLastCharacter(bytes: Buffer): number {
  const lastThree = [1, 2, 3].map((back) => bytes.length - back).filter((index) => index >= 0)
  const lead = lastThree.find((index) => !isContinuation(bytes[index] as number))
  if (lead === undefined) return bytes.length
  return lead + characterLength(bytes[lead] as number) > bytes.length ? lead : bytes.length
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80
}

function characterLength(lead: number): number {
  if (lead >= 0xf0) return 4
  if (lead >= 0xe0) return 3
  return lead >= 0xc0 ? 2 : 1
}
