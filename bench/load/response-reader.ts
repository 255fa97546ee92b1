/** Reads HTTP/1.1 responses with a Content-Length from one connection, one at a time. */
export class ResponseReader {
  #head = ''
  #status = 0
  #missing = -1

  /**
   * Takes the next bytes. Gives the response they complete, or `null` while some of it is missing.
   * @throws when the bytes are not such a response, or go on after its end
   */
  read(bytes: Buffer, length: number): { status: number; head: string } | null {
    if (this.#missing < 0) return this.#readHead(bytes, length)
    this.#missing -= length
    return this.#finish()
  }

  #readHead(bytes: Buffer, length: number): { status: number; head: string } | null {
    this.#head += bytes.toString('latin1', 0, Math.min(length, 2048))
    const end = this.#head.indexOf('\r\n\r\n')
    if (end < 0) return null
    this.#status = Number(this.#head.slice(9, 12))
    const length0 = contentLength(this.#head, end)
    const read = this.#head.length + Math.max(0, length - 2048)
    this.#missing = length0 - (read - end - 4)
    return this.#finish()
  }

  #finish(): { status: number; head: string } | null {
    if (this.#missing > 0) return null
    if (this.#missing < 0) throw new Error(`${-this.#missing} bytes after the end of a response: ${this.#head}`)
    const answer = { status: this.#status, head: this.#head }
    this.#head = ''
    this.#missing = -1
    return answer
  }
}

function contentLength(head: string, end: number): number {
  for (const name of ['content-length: ', 'Content-Length: ']) {
    const at = head.indexOf(name)
    if (at >= 0 && at < end) return Number.parseInt(head.slice(at + name.length, at + name.length + 12), 10)
  }
  throw new Error(`a response without Content-Length: ${head.slice(0, 500)}`)
}
