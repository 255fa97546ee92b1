/** One event of a stream (WHATWG HTML, "Server-sent events"). */
export interface ServerSentEvent {
  readonly event: string
  readonly data: string
  readonly id: string | null
}

const MAX_BUFFERED = 16 * 1024 * 1024

/**
 * Reads a stream until it ends. Comments, `retry` fields and an event cut off by the end are dropped, as the standard
 * says. `onActivity` is called for everything that arrives, comments too.
 */
export async function* readEvents(
  stream: ReadableStream<Uint8Array>,
  onActivity: () => void = () => {},
): AsyncGenerator<ServerSentEvent> {
  /** The begin of a line whose end has not come. What it holds has been searched for it once. */
  let partial = ''
  let lastCr = ''
  let fields = newFields()
  const decoder = new TextDecoder()
  for await (const chunk of stream) {
    onActivity()
    const text = lastCr + decoder.decode(chunk, { stream: true })
    // A trailing CR may be half of a CRLF: it stays for the next chunk.
    lastCr = text.endsWith('\r') ? '\r' : ''
    const lines = text.slice(0, text.length - lastCr.length).split(/\r\n|\n|\r/)
    lines[0] = partial + lines[0]
    partial = lines.pop() as string
    if (partial.length > MAX_BUFFERED) throw new RangeError('an event is over 16 MiB')
    for (const line of lines) {
      if (line !== '') addField(fields, line)
      else {
        if (fields.data !== null) yield { event: fields.event || 'message', data: fields.data, id: fields.id }
        fields = newFields()
      }
    }
  }
}

interface Fields {
  event: string
  data: string | null
  id: string | null
}

function newFields(): Fields {
  return { event: '', data: null, id: null }
}

function addField(fields: Fields, line: string): void {
  const colon = line.indexOf(':')
  const name = colon === -1 ? line : line.slice(0, colon)
  const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
  if (name === 'data') fields.data = fields.data === null ? value : `${fields.data}\n${value}`
  else if (name === 'event') fields.event = value
  else if (name === 'id') fields.id = value
}
