import type { TestContext } from 'node:test'

export interface SourceEvent {
  readonly event: string
  readonly id: string | null
  readonly data: unknown
}

export interface EventSourceStream {
  readonly response: Response
  /** The next event; `null` when the server has closed the stream. */
  next(): Promise<SourceEvent | null>
  /** The next comment line. */
  comment(): Promise<string>
  close(): void
}

/** A plain reader of server-sent events, closed after the test. */
export async function openEvents(
  context: TestContext,
  url: string,
  headers: Record<string, string> = {},
): Promise<EventSourceStream> {
  const controller = new AbortController()
  context.after(() => controller.abort())
  const response = await fetch(url, {
    headers: { accept: 'text/event-stream', ...headers },
    signal: controller.signal,
  })
  const blocks = readBlocks(response)
  async function nextBlock(wanted: (block: string) => boolean): Promise<string | null> {
    for (;;) {
      const { done, value } = await blocks.next()
      if (done) return null
      if (wanted(value)) return value
    }
  }
  return {
    response,
    async next() {
      const block = await nextBlock((text) => !text.startsWith(':'))
      return block === null ? null : parseEvent(block)
    },
    comment: async () => (await nextBlock((text) => text.startsWith(':'))) ?? '',
    close: () => controller.abort(),
  }
}

async function* readBlocks(response: Response): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + chunk).split('\n\n')
    rest = blocks.pop() as string
    yield* blocks
  }
}

function parseEvent(block: string): SourceEvent {
  const fields = new Map(block.split('\n').map((line) => line.split(/: (.*)/s) as [string, string]))
  return {
    event: fields.get('event') ?? 'message',
    id: fields.get('id') ?? null,
    data: JSON.parse(fields.get('data') ?? 'null'),
  }
}
