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
  let buffered = ''
  let fields = newFields()
  const decoder = new TextDecoder()
  for await (const chunk of stream) {
    onActivity()
    buffered += decoder.decode(chunk, { stream: true })
    if (buffered.length > MAX_BUFFERED) throw new RangeError('an event is over 16 MiB')
    // A trailing CR may be half of a CRLF: it stays for the next chunk.
    const end = buffered.endsWith('\r') ? buffered.length - 1 : buffered.length
    const lines = buffered.slice(0, end).split(/\r\n|\n|\r/)
    buffered = (lines.pop() as string) + buffered.slice(end)
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
