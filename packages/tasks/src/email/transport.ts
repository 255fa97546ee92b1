import nodemailer from 'nodemailer'

const CONNECT_TIMEOUT_MS = 15_000
/** Silence of the server in the middle of a message. RFC 5321 §4.5.3.2 asks for minutes; a retry is cheaper here. */
const SILENCE_TIMEOUT_MS = 60_000
const MAX_CONNECTIONS = 5

export type SmtpTransport = ReturnType<typeof createSmtpTransport>

/**
 * A pool of connections to the server of an SMTP URL. `smtp:` upgrades with STARTTLS when the server offers it
 * (`?requireTLS=true`: or fails), `smtps:` speaks TLS from the start. Connects when the first message is sent.
 */
export function createSmtpTransport(url: string) {
  const transport = nodemailer.createTransport({
    url,
    pool: true,
    maxConnections: MAX_CONNECTIONS,
    connectionTimeout: CONNECT_TIMEOUT_MS,
    greetingTimeout: CONNECT_TIMEOUT_MS,
    dnsTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: SILENCE_TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  // An idle connection that breaks is reopened for the next message; a message under way gets the error itself.
  transport.on('error', () => {})
  return transport
}
