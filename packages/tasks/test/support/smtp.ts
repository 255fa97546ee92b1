import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { SMTPServer, type SMTPServerOptions, type SMTPServerSession } from 'smtp-server'

export interface ReceivedMail {
  readonly from: string
  readonly to: readonly string[]
  readonly raw: string
  readonly session: SMTPServerSession
}

export interface SmtpStub {
  readonly url: string
  readonly mails: readonly ReceivedMail[]
  readonly connections: () => number
}

/** An SMTP server on loopback that keeps what it receives; without TLS or login unless the options ask for it. */
export async function startSmtp(
  t: { after(close: () => Promise<void>): void },
  options: SMTPServerOptions = {},
): Promise<SmtpStub> {
  const mails: ReceivedMail[] = []
  let connections = 0
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    disableReverseLookup: true,
    closeTimeout: 100,
    onConnect(_session, callback) {
      connections++
      callback()
    },
    async onData(stream, session, callback) {
      const raw = (await buffer(stream)).toString('utf8')
      const { mailFrom, rcptTo } = session.envelope
      const from = mailFrom === false ? '' : mailFrom.address
      mails.push({ from, to: rcptTo.map(({ address }) => address), raw, session })
      callback(null)
    },
    ...options,
  })
  // A client that hangs up is part of the tests.
  server.on('error', () => {})
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  t.after(() => new Promise((resolve) => server.close(() => resolve())))
  const { port } = server.server.address() as AddressInfo
  return { url: `smtp://127.0.0.1:${port}`, mails, connections: () => connections }
}

/** An error that the server answers with this line's code. */
export function smtpAnswer(responseCode: number, text: string): Error {
  return Object.assign(new Error(text), { responseCode })
}

export interface MimePart {
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
  readonly parts: readonly MimePart[]
}

/** Just enough of MIME to look into the messages of these tests. */
export function parseMime(raw: string): MimePart {
  const end = raw.indexOf('\r\n\r\n')
  const lines = raw
    .slice(0, end)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n')
  const headers = new Map(lines.map((line) => [nameOf(line), line.slice(line.indexOf(':') + 1).trim()]))
  const body = raw.slice(end + 4)
  const boundary = /boundary="([^"]+)"/.exec(headers.get('content-type') ?? '')?.[1]
  const sections = boundary === undefined ? [] : body.split(`--${boundary}`).slice(1, -1)
  return { headers, body, parts: sections.map((section) => parseMime(section.replace(/^\r\n|\r\n$/g, ''))) }
}

function nameOf(line: string): string {
  return line.slice(0, line.indexOf(':')).toLowerCase()
}

/** The bytes of a part, as its transfer encoding says. */
export function bytesOf({ headers, body }: MimePart): Buffer {
  const encoding = headers.get('content-transfer-encoding')
  if (encoding === 'base64') return Buffer.from(body, 'base64')
  if (encoding !== 'quoted-printable') return Buffer.from(body)
  const unfolded = body.replace(/=\r\n/g, '')
  const octets = unfolded.replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(octets, 'latin1')
}

/** Every part that holds bytes, in order. */
export function leavesOf(part: MimePart): readonly MimePart[] {
  return part.parts.length === 0 ? [part] : part.parts.flatMap(leavesOf)
}
