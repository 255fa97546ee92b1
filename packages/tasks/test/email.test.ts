import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, it } from 'node:test'
import { attemptOf, failureFrom, openTypes } from './support/attempt.ts'
import { bytesOf, leavesOf, parseMime, type ReceivedMail, smtpAnswer, startSmtp } from './support/smtp.ts'

const MAIL = { from: 'yard@example.com', to: 'ada@example.com', subject: 'Hello', text: 'Hi Ada' }

describe('email', () => {
  it('delivers text, HTML and addresses, and answers with the message id', async (t) => {
    const smtp = await startSmtp(t)
    const { run } = openTypes(t, { smtpUrl: smtp.url })

    const result = await run('email', {
      ...MAIL,
      to: ['Ada Lovelace <ada@example.com>', 'grace@example.com'],
      cc: 'cc1@example.com, Zoë <cc2@example.com>',
      bcc: ['hidden@example.com'],
      html: '<p>Hi <b>Ada</b></p>',
      replyTo: 'answers@example.com',
      headers: { 'X-Campaign': 'spring' },
    })

    const mail = smtp.mails[0] as ReceivedMail
    assert.equal(mail.from, 'yard@example.com')
    assert.deepEqual(mail.to, [
      'ada@example.com',
      'grace@example.com',
      'cc1@example.com',
      'cc2@example.com',
      'hidden@example.com',
    ])
    const message = parseMime(mail.raw)
    assert.equal(message.headers.get('subject'), 'Hello')
    assert.equal(message.headers.get('to'), 'Ada Lovelace <ada@example.com>, grace@example.com')
    assert.equal(message.headers.get('reply-to'), 'answers@example.com')
    assert.equal(message.headers.get('x-campaign'), 'spring')
    assert.equal(message.headers.get('message-id'), result.messageId)
    assert.doesNotMatch(mail.raw, /hidden@example\.com/)
    const [text, html] = leavesOf(message)
    assert.equal(text?.body.trim(), 'Hi Ada')
    assert.equal(html?.body.trim(), '<p>Hi <b>Ada</b></p>')
    assert.deepEqual(result.accepted, mail.to)
    assert.deepEqual(result.rejected, [])
    assert.match(result.response, /^250/)
  })

  it('takes the names of the reference systems: recipient, subject, content', async (t) => {
    const smtp = await startSmtp(t)
    const { run } = openTypes(t, { smtpUrl: smtp.url })
    const payload = {
      subject: 'Test Email',
      recipient: 'someone@example.com',
      content: 'This is the contents for the test email',
    }
    const result = await run('email', payload)
    const mail = smtp.mails[0] as ReceivedMail
    assert.equal(mail.from, 'taskyard@localhost')
    assert.deepEqual(result.accepted, ['someone@example.com'])
    assert.equal(parseMime(mail.raw).body.trim(), payload.content)
  })

  it('delivers attachments byte for byte', async (t) => {
    const smtp = await startSmtp(t)
    const { run } = openTypes(t, { smtpUrl: smtp.url })
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => (index * 31) % 256))
    const attachments = [
      { filename: 'all bytes.bin', content: bytes.toString('base64'), encoding: 'base64' },
      { filename: 'naïve.csv', content: 'a;b\n1;ä\n', contentType: 'text/csv' },
      { filename: 'logo.png', content: 'iVBORw0KGgo=', encoding: 'base64', cid: 'logo@yard' },
    ]
    await run('email', { ...MAIL, html: '<img src="cid:logo@yard">', attachments })
    const parts = leavesOf(parseMime((smtp.mails[0] as ReceivedMail).raw))
    const named = (type: string) => parts.find(({ headers }) => headers.get('content-type')?.startsWith(type))
    assert.deepEqual(bytesOf(named('application/octet-stream') as never), bytes)
    assert.equal(
      bytesOf(named('text/csv') as never)
        .toString('utf8')
        .replaceAll('\r\n', '\n'),
      'a;b\n1;ä\n',
    )
    assert.equal(named('image/png')?.headers.get('content-id'), '<logo@yard>')
  })

  it('gives every attempt of a task the same Message-ID', async (t) => {
    const smtp = await startSmtp(t)
    const { handlers } = openTypes(t, { smtpUrl: smtp.url })
    const { task, context } = attemptOf('email', MAIL)
    await handlers.email?.(task, context)
    await handlers.email?.({ ...task, attempt: 2 }, context)
    const ids = smtp.mails.map(({ raw }) => parseMime(raw).headers.get('message-id'))
    assert.deepEqual(ids, [`<${task.id}@example.com>`, `<${task.id}@example.com>`])
  })

  it('sends many messages over few connections', async (t) => {
    const smtp = await startSmtp(t)
    const { run } = openTypes(t, { smtpUrl: smtp.url })
    await Promise.all(Array.from({ length: 40 }, () => run('email', MAIL)))
    assert.equal(smtp.mails.length, 40)
    assert.ok(smtp.connections() <= 5, `${smtp.connections()} connections`)
  })

  it('sends as the user of the SMTP account, or as configured, when the payload names no sender', async (t) => {
    const smtp = await startSmtp(t, {
      allowInsecureAuth: true,
      onAuth: (_auth, _session, done) => done(null, { user: 1 }),
    })
    const url = smtp.url.replace('//', '//robot%40example.com:secret@')
    await openTypes(t, { smtpUrl: url }).run('email', { to: MAIL.to, text: 'x' })
    await openTypes(t, { smtpUrl: url, defaultFrom: 'Yard <hq@example.com>' }).run('email', { to: MAIL.to, text: 'x' })
    assert.deepEqual(
      smtp.mails.map(({ from }) => from),
      ['robot@example.com', 'hq@example.com'],
    )
  })

  it('delivers to the accepted recipients, reports the others, and logs why', async (t) => {
    const smtp = await startSmtp(t, {
      onRcptTo: ({ address }, _session, done) =>
        done(address.startsWith('gone') ? smtpAnswer(550, 'No such mailbox') : null),
    })
    const { handlers } = openTypes(t, { smtpUrl: smtp.url })
    const { task, context, logged } = attemptOf('email', { ...MAIL, to: ['ada@example.com', 'gone@example.com'] })
    const result = await handlers.email?.(task, context)
    assert.deepEqual(result.accepted, ['ada@example.com'])
    assert.deepEqual(result.rejected, ['gone@example.com'])
    assert.deepEqual(logged, ['gone@example.com was rejected: 550 No such mailbox'])
  })

  it('fails for good, naming the variable to set, when no SMTP server is configured', async (t) => {
    const failure = await failureFrom(openTypes(t).run('email', MAIL))
    assert.equal(failure.code, 'smtp_not_configured')
    assert.equal(failure.retryable, false)
    assert.match(failure.message, /TASKYARD_SMTP_URL/)
  })

  it('stops waiting for the server when the attempt is cancelled', async (t) => {
    const arrived = Promise.withResolvers<void>()
    const smtp = await startSmtp(t, { onMailFrom: () => arrived.resolve() })
    const { handlers } = openTypes(t, { smtpUrl: smtp.url })
    const { task, context, cancel } = attemptOf('email', MAIL)
    const failure = failureFrom(Promise.resolve(handlers.email?.(task, context)))
    await arrived.promise
    cancel()
    assert.equal((await failure).message, 'cancelled by the test')
    assert.equal(smtp.mails.length, 0)
  })

  it('hangs up when closed', { timeout: 60_000 }, async (t) => {
    const closed = Promise.withResolvers<void>()
    const smtp = await startSmtp(t, { onClose: () => closed.resolve() })
    const { run, close } = openTypes(t, { smtpUrl: smtp.url })
    await run('email', MAIL)
    await close()
    await closed.promise
  })

  it('refuses at start an SMTP URL that is none, without repeating its password', (t) => {
    const open = () => openTypes(t, { smtpUrl: 'http://user:secret@host' })
    assert.throws(open, (error: Error) => /TASKYARD_SMTP_URL/.test(error.message) && !/secret/.test(error.message))
  })
})

describe('email: what the SMTP server answers', () => {
  const answers = [
    { name: 'a recipient deferred with 450', code: 'smtp_deferred', retryable: true, rcpt: 450 },
    { name: 'a recipient refused with 550', code: 'smtp_rejected', retryable: false, rcpt: 550 },
    { name: 'a sender refused with 553', code: 'smtp_rejected', retryable: false, mail: 553 },
    { name: 'a sender deferred with 451', code: 'smtp_deferred', retryable: true, mail: 451 },
    { name: 'a login required with 530', code: 'smtp_auth_failed', retryable: false, mail: 530 },
    { name: 'a message deferred with 452', code: 'smtp_deferred', retryable: true, data: 452 },
    { name: 'a message refused with 554', code: 'smtp_rejected', retryable: false, data: 554 },
    { name: 'a server that says 421', code: 'smtp_unavailable', retryable: true, data: 421 },
  ]
  for (const { name, code, retryable, rcpt, mail, data } of answers) {
    it(`${name} → ${code}`, async (t) => {
      const smtp = await startSmtp(t, {
        ...(rcpt && { onRcptTo: (_address, _session, done) => done(smtpAnswer(rcpt, 'because of the test')) }),
        ...(mail && { onMailFrom: (_address, _session, done) => done(smtpAnswer(mail, 'because of the test')) }),
        ...(data && {
          onData(stream, _session, done) {
            stream.resume().on('end', () => done(smtpAnswer(data, 'because of the test')))
          },
        }),
      })
      const failure = await failureFrom(openTypes(t, { smtpUrl: smtp.url }).run('email', MAIL))
      assert.equal(failure.code, code)
      assert.equal(failure.retryable, retryable)
      const status = rcpt ?? mail ?? data
      const [first, ...said] = failure.message.split('\n')
      assert.match(first as string, new RegExp(`^[\\w' -]+ \\(${status}\\):$`))
      assert.match(said.join('\n'), new RegExp(`${status} because of the test`))
    })
  }

  it('refused recipients of which one is only deferred → smtp_deferred', async (t) => {
    const smtp = await startSmtp(t, {
      onRcptTo: ({ address }, _session, done) =>
        done(address.startsWith('busy') ? smtpAnswer(450, 'Later') : smtpAnswer(550, 'Never')),
    })
    const { run } = openTypes(t, { smtpUrl: smtp.url })
    const failure = await failureFrom(run('email', { ...MAIL, to: ['busy@example.com', 'gone@example.com'] }))
    assert.equal(failure.code, 'smtp_deferred')
    assert.equal(failure.retryable, true)
  })

  for (const [answer, code, retryable] of [
    [535, 'smtp_auth_failed', false],
    [454, 'smtp_deferred', true],
  ] as const) {
    it(`a login answered with ${answer} → ${code}`, async (t) => {
      const smtp = await startSmtp(t, {
        allowInsecureAuth: true,
        onAuth: (_auth, _session, done) => done(smtpAnswer(answer, 'No login')),
      })
      const smtpUrl = smtp.url.replace('//', '//user:wrong@')
      const failure = await failureFrom(openTypes(t, { smtpUrl }).run('email', MAIL))
      assert.equal(failure.code, code)
      assert.equal(failure.retryable, retryable)
      assert.doesNotMatch(failure.message, /wrong/)
    })
  }

  it('a message over the size the server announces → smtp_rejected', async (t) => {
    const smtp = await startSmtp(t, {
      size: 1000,
      onData(stream, _session, done) {
        stream.resume().on('end', () => done(stream.sizeExceeded ? smtpAnswer(552, 'Too big') : null))
      },
    })
    const { run } = openTypes(t, { smtpUrl: smtp.url })
    const failure = await failureFrom(run('email', { ...MAIL, text: 'x'.repeat(5000) }))
    assert.equal(failure.code, 'smtp_rejected')
  })

  it('a server that is not there → smtp_unavailable', async (t) => {
    const failure = await failureFrom(openTypes(t, { smtpUrl: 'smtp://127.0.0.1:1' }).run('email', MAIL))
    assert.equal(failure.code, 'smtp_unavailable')
    assert.equal(failure.retryable, true)
    assert.match(failure.message, /ECONNREFUSED/)
  })

  it('a server that hangs up → smtp_unavailable', async (t) => {
    const server = createServer((socket) => socket.end('220 hello\r\n')).listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close())
    const { port } = server.address() as { port: number }
    const failure = await failureFrom(openTypes(t, { smtpUrl: `smtp://127.0.0.1:${port}` }).run('email', MAIL))
    assert.equal(failure.code, 'smtp_unavailable')
  })

  it('a server without TLS where the URL requires it → smtp_unavailable, and nothing is sent', async (t) => {
    const smtp = await startSmtp(t)
    const { run } = openTypes(t, { smtpUrl: `${smtp.url}?requireTLS=true` })
    assert.equal((await failureFrom(run('email', MAIL))).code, 'smtp_unavailable')
    assert.equal(smtp.mails.length, 0)
  })
})

describe('email: encryption', () => {
  it('upgrades with STARTTLS when the server offers it', async (t) => {
    const smtp = await startSmtp(t, { disabledCommands: [] })
    await openTypes(t, { smtpUrl: `${smtp.url}?tls.rejectUnauthorized=false` }).run('email', MAIL)
    assert.equal(smtp.mails[0]?.session.secure, true)
  })

  it('speaks TLS from the start with smtps', async (t) => {
    const smtp = await startSmtp(t, { secure: true })
    const smtpUrl = `${smtp.url.replace('smtp:', 'smtps:')}?tls.rejectUnauthorized=false`
    await openTypes(t, { smtpUrl }).run('email', MAIL)
    assert.equal(smtp.mails[0]?.session.secure, true)
  })

  it('does not trust a certificate it cannot verify', async (t) => {
    const smtp = await startSmtp(t, { secure: true })
    const failure = await failureFrom(openTypes(t, { smtpUrl: smtp.url.replace('smtp:', 'smtps:') }).run('email', MAIL))
    assert.equal(failure.code, 'smtp_unavailable')
    assert.equal(smtp.mails.length, 0)
  })
})
