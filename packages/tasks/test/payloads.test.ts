import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type JsonText, toJsonText, type Violation } from '@taskyard/core'
import { BUILT_IN_TYPES } from '../src/index.ts'
import { createAjv, MAX_VIOLATIONS } from '../src/payload-validator.ts'
import { attemptOf, failureFrom, openTypes } from './support/attempt.ts'

const MAIL = { to: 'ada@example.com', text: 'Hi' }
const CALL = { url: 'https://example.com' }
const LONG_NAME = `${'a'.repeat(250)}@example.com`

/** Type, payload, and what is wrong with it: path and a part of the message. */
const WRONG: readonly (readonly [type: string, payload: unknown, ...violations: (readonly [string, string])[]])[] = [
  ['email', null, ['', 'must be an object']],
  ['email', 'ada@example.com', ['', 'must be an object']],
  ['email', [], ['', 'must be an object']],
  ['email', 'x'.repeat(20_000), ['', 'must be an object']],
  ['email', {}, ['/to', 'is required'], ['/text', 'is required: give text, html or both']],
  ['email', { text: 'x' }, ['/to', 'is required']],
  ['email', { to: 'a@b.c' }, ['/text', 'is required']],
  ['email', { ...MAIL, to: 'ada' }, ['/to', 'must be an email address']],
  ['email', { ...MAIL, to: '' }, ['/to', 'must be an email address']],
  ['email', { ...MAIL, to: 7 }, ['/to', 'must be a string or a list']],
  ['email', { ...MAIL, to: [] }, ['/to', 'must have at least 1 entries']],
  [
    'email',
    { ...MAIL, to: ['a@b.c', 'nobody', 7] },
    ['/to/1', 'must be an email address'],
    ['/to/2', 'must be a string'],
  ],
  ['email', { ...MAIL, to: ['a@b.c, d@e.f'] }, ['/to/0', 'must be an email address']],
  ['email', { ...MAIL, to: Array(101).fill('a@b.c') }, ['/to', 'must have at most 100 entries']],
  ['email', { ...MAIL, to: LONG_NAME }, ['/to', 'must be an email address']],
  ['email', { ...MAIL, to: 'a@b.c\r\nBcc: x@y.z' }, ['/to', 'must be an email address']],
  ['email', { ...MAIL, to: '"a@evil.example"@b.c' }, ['/to', 'must be an email address']],
  ['email', { ...MAIL, to: 'friends: a@b.c, d@e.f;' }, ['/to', 'must be an email address']],
  ['email', { ...MAIL, to: 'a@b.c d@e.f' }, ['/to', 'must be an email address']],
  ['email', { ...MAIL, to: '"A\r\nBcc: x@y.z" <a@b.c>' }, ['/to', 'must be an email address']],
  ['email', { ...MAIL, to: 'A <a@b.c> d@e.f' }, ['/to', 'must be an email address']],
  ['email', { ...MAIL, to: 'A <a@b.c><d@e.f>' }, ['/to', 'must be an email address']],
  ['email', { ...MAIL, to: 'a..b@c.d' }, ['/to', 'must be an email address']],
  ['email', { ...MAIL, to: 'a@-b.c' }, ['/to', 'must be an email address']],
  ['email', { recipient: 'nobody', content: 'x' }, ['/recipient', 'must be an email address']],
  ['email', { ...MAIL, recipient: 'a@b.c' }, ['/recipient', 'is another name of to']],
  ['email', { ...MAIL, content: 'x' }, ['/content', 'is another name of text']],
  ['email', { ...MAIL, cc: ['nobody'] }, ['/cc/0', 'must be an email address']],
  ['email', { ...MAIL, bcc: 'nobody' }, ['/bcc', 'must be an email address']],
  ['email', { ...MAIL, from: 'a@b.c, d@e.f' }, ['/from', 'must be an email address']],
  ['email', { ...MAIL, replyTo: 'nobody' }, ['/replyTo', 'must be an email address']],
  ['email', { ...MAIL, cc: Array(60).fill('a@b.c'), bcc: Array(60).fill('a@b.c') }, ['/to', 'has 121 recipients']],
  ['email', { ...MAIL, subject: 'a\r\nBcc: x@y.z' }, ['/subject', 'must be one line']],
  ['email', { ...MAIL, subject: 'x'.repeat(999) }, ['/subject', 'must have at most 998 characters']],
  ['email', { ...MAIL, text: { path: '/etc/passwd' } }, ['/text', 'must be a string']],
  ['email', { ...MAIL, html: { href: 'http://x' } }, ['/html', 'must be a string']],
  ['email', { ...MAIL, subjct: 'x' }, ['/subjct', 'is not a field of this type; it has to,']],
  ['email', { ...MAIL, 'a/b~c': 'x' }, ['/a~1b~0c', 'is not a field']],
  ['email', { ...MAIL, attachments: {} }, ['/attachments', 'must be a list']],
  [
    'email',
    { ...MAIL, attachments: [{}] },
    ['/attachments/0/filename', 'is required'],
    ['/attachments/0/content', 'is required'],
  ],
  ['email', attached({ path: '/etc/passwd' }), ['/attachments/0/path', 'is not a field']],
  ['email', attached({ filename: 'a\nb' }), ['/attachments/0/filename', 'must be one line']],
  ['email', attached({ filename: '' }), ['/attachments/0/filename', 'must not be empty']],
  ['email', attached({ content: 'no base64!', encoding: 'base64' }), ['/attachments/0/content', 'must be Base64']],
  ['email', attached({ encoding: 'hex' }), ['/attachments/0/encoding', 'must be one of utf-8, base64']],
  ['email', attached({ contentType: 'pdf' }), ['/attachments/0/contentType', 'must be a media type']],
  ['email', attached({ contentType: 'a/b\r\nX: y' }), ['/attachments/0/contentType', 'must be a media type']],
  ['email', attached({ cid: 'a b' }), ['/attachments/0/cid', 'must be a content id']],
  ['email', { ...MAIL, headers: { 'X-A': 'a\r\nBcc: x@y.z' } }, ['/headers/X-A', 'must be one line']],
  ['email', { ...MAIL, headers: { 'X A': 'a' } }, ['/headers/X A', 'is not a header name']],
  ['email', { ...MAIL, headers: { 'X-A': 1 } }, ['/headers/X-A', 'must be a string']],
  ['email', { ...MAIL, headers: { bCC: 'x@y.z' } }, ['/headers/bCC', 'cannot be set here']],
  ['email', { ...MAIL, headers: { 'Content-Type': 'x' } }, ['/headers/Content-Type', 'cannot be set here']],
  ['http-request', {}, ['/url', 'is required']],
  ['http-request', { url: '/orders' }, ['/url', 'must be an absolute http or https URL']],
  ['http-request', { url: 'file:///etc/passwd' }, ['/url', 'must be an absolute http or https URL']],
  ['http-request', { url: 'https://user:secret@example.com' }, ['/url', 'must not hold a user or password']],
  ['http-request', { url: `https://example.com/${'x'.repeat(8200)}` }, ['/url', 'must have at most 8192 characters']],
  [
    'http-request',
    { ...CALL, method: 'BREW' },
    ['/method', 'must be one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'],
  ],
  ['http-request', { ...CALL, headers: { Host: 'inside' } }, ['/headers/Host', 'belongs to the connection']],
  ['http-request', { ...CALL, headers: { connection: 'close' } }, ['/headers/connection', 'belongs to the connection']],
  ['http-request', { ...CALL, headers: { 'Content-Length': '1' } }, ['/headers/Content-Length', 'belongs to']],
  [
    'http-request',
    { ...CALL, headers: { 'Proxy-Authorization': 'x' } },
    ['/headers/Proxy-Authorization', 'belongs to'],
  ],
  ['http-request', { ...CALL, headers: { 'X-A': 'a\r\nX-B: b' } }, ['/headers/X-A', 'must be one line']],
  ['http-request', { ...CALL, headers: { 'X-A': '€' } }, ['/headers/X-A', 'must be one line of Latin-1 text']],
  ['http-request', { ...CALL, headers: { 'X A': 'a' } }, ['/headers/X A', 'is not a header name']],
  ['http-request', { ...CALL, method: 'GET', body: 'x' }, ['/body', 'cannot be sent with GET']],
  ['http-request', { ...CALL, expectedStatus: 'ok' }, ['/expectedStatus', 'must be a status (204), a class']],
  ['http-request', { ...CALL, expectedStatus: [200, '9xx'] }, ['/expectedStatus/1', 'must be a status']],
  ['http-request', { ...CALL, expectedStatus: 99 }, ['/expectedStatus', 'must be between 200 and 599']],
  ['http-request', { ...CALL, timeoutSeconds: 0 }, ['/timeoutSeconds', 'must be between 0.1 and 3600']],
  ['http-request', { ...CALL, maxResponseBytes: 1e9 }, ['/maxResponseBytes', 'must be between 0 and 16777216']],
  ['http-request', { ...CALL, followRedirects: 'yes' }, ['/followRedirects', 'must be true or false']],
  ['transform', { text: 'x' }, ['/operation', 'is required']],
  ['transform', { operation: 'shout', text: 'x' }, ['/operation', 'must be one of uppercase, lowercase']],
  ['transform', { operation: 'trim', text: 7 }, ['/text', 'must be a string']],
  ['transform', { operation: 'trim', text: 'x'.repeat(100_001) }, ['/text', 'must have at most 100000 characters']],
  ['uppercase', 7, ['', 'must be a string or an object']],
  ['uppercase', {}, ['', 'must be a text, {"text": …} or {"data": …}']],
  ['uppercase', { text: 'a', data: 'b' }, ['', 'must be a text, {"text": …} or {"data": …}']],
  ['uppercase', { value: 'a' }, ['/value', 'is not a field of this type; it has text, data']],
  ['test', { delayMs: 60_001 }, ['/delayMs', 'must be between 0 and 60000']],
  ['test', { blockMs: 1e9 }, ['/blockMs', 'must be between 0 and 60000']],
  ['test', { fail: 'yes' }, ['/fail', 'must be true or false or a whole number']],
  ['test', { log: Array(101).fill('x') }, ['/log', 'must have at most 100 entries']],
  ['test', { log: ['x', 7] }, ['/log/1', 'must be a string']],
  ['test', { progressSteps: 0 }, ['/progressSteps', 'must be between 1 and 100']],
]

const RIGHT: readonly (readonly [type: string, payload: unknown])[] = [
  ['email', MAIL],
  ['email', { recipient: 'a@b.c', subject: 'x', content: 'y' }],
  ['email', { to: 'Ada Lovelace <ada@example.com>, "Hopper, Grace" <grace@example.com>', html: '<p>' }],
  ['email', { ...MAIL, to: '"ada@example.com" <ada@example.com>' }],
  ['email', { bcc: ['jürgen@bücher.example', 'root@[127.0.0.1]', 'a+b@localhost'], text: '' }],
  [
    'email',
    attached({ content: 'aGk=\r\n', encoding: 'base64', contentType: 'text/plain; charset=utf-8', cid: 'x@y' }),
  ],
  ['http-request', CALL],
  ['http-request', { ...CALL, body: null, expectedStatus: ['2xx', 404, '500-503'], timeoutSeconds: 0.5 }],
  ['http-request', { ...CALL, method: 'DELETE', body: [1], headers: { authorization: 'x', 'X-A': 'é' } }],
  ['transform', { operation: 'length', text: '' }],
  ['uppercase', 'text'],
  ['uppercase', { text: '' }],
  ['uppercase', { data: 'x' }],
  ['test', { message: 'Hello' }],
  ['test', null],
  ['test', [1, 2]],
  ['test', { anything: { goes: true }, delayMs: 0, fail: 2, retryable: false, log: [], progressSteps: 1 }],
]

describe('the schemas', () => {
  for (const { type, schema } of BUILT_IN_TYPES) {
    it(`${type}: is valid JSON Schema, and says of every property what it means`, () => {
      createAjv({ allErrors: false, validateSchema: true }).compile(schema)
      assert.deepEqual(undescribed(schema), [])
    })
  }
})

describe('checkPayload', () => {
  for (const [type, payload, ...expected] of WRONG) {
    it(`${type} refuses ${excerpt(payload)} at ${expected.map(([path]) => path || 'the whole').join(' and ')}`, (t) => {
      const found = openTypes(t).checkPayload(type, toJsonText(payload))
      assert.deepEqual(
        found.map(({ path }) => path),
        expected.map(([path]) => path),
        JSON.stringify(found),
      )
      for (const [index, [, message]] of expected.entries()) {
        assert.ok(found[index]?.message.includes(message), `${found[index]?.message} lacks ${message}`)
      }
    })
  }

  for (const [type, payload] of RIGHT) {
    it(`${type} takes ${excerpt(payload)}`, (t) => {
      assert.deepEqual(openTypes(t).checkPayload(type, toJsonText(payload)), [])
    })
  }

  it('lets types pass that are not built in, without parsing', (t) => {
    const { checkPayload } = openTypes(t)
    assert.deepEqual(checkPayload('resize-image', 'not even JSON' as JsonText), [])
    assert.deepEqual(checkPayload('toString', 'not even JSON' as JsonText), [])
    assert.deepEqual(checkPayload('__proto__', 'not even JSON' as JsonText), [])
  })

  it('takes __proto__ in a payload for a field like any other', (t) => {
    const found = openTypes(t).checkPayload('email', '{"to":"a@b.c","text":"x","__proto__":{"html":1}}' as JsonText)
    assert.deepEqual(pathsOf(found), ['/__proto__'])
  })

  it('reports a bounded number of violations', (t) => {
    const { checkPayload } = openTypes(t)
    const many = (count: number) => checkPayload('email', toJsonText({ ...MAIL, to: Array(count).fill('nobody') }))
    assert.equal(many(100).length, MAX_VIOLATIONS)
    assert.equal(many(100_000).length, 1)
  })

  it('takes no longer over addresses made to be slow', (t) => {
    const address = `${'a.'.repeat(60)}@${'b-'.repeat(60)}`
    const start = performance.now()
    const found = openTypes(t).checkPayload('email', toJsonText({ ...MAIL, to: Array(60).fill(address) }))
    assert.equal(found.length, MAX_VIOLATIONS)
    assert.ok(performance.now() - start < 1000)
  })
})

describe('a built-in handler', () => {
  it('fails for good on a payload that was never checked', async (t) => {
    const failure = await failureFrom(openTypes(t).run('email', { to: 'nobody', text: 'x' }))
    assert.equal(failure.code, 'invalid_payload')
    assert.equal(failure.retryable, false)
    assert.match(failure.message, /\/to must be an email address/)
  })

  it('does not validate what the worker already took back', async (t) => {
    const { handlers } = openTypes(t)
    const { task, context, cancel } = attemptOf('test', { delayMs: 60_000 })
    cancel()
    await assert.rejects(async () => handlers.test?.(task, context), /cancelled by the test/)
  })
})

function attached(fields: Record<string, unknown>) {
  return { ...MAIL, attachments: [{ filename: 'a.txt', content: 'x', ...fields }] }
}

function undescribed(schema: unknown): readonly string[] {
  const { properties = {}, items } = schema as {
    properties?: Record<string, { description?: string }>
    items?: unknown
  }
  const own = Object.entries(properties)
  return [
    ...own.filter(([, { description }]) => description === undefined).map(([name]) => name),
    ...own.flatMap(([, property]) => undescribed(property)),
    ...(items === undefined ? [] : undescribed(items)),
  ]
}

function excerpt(payload: unknown): string {
  const text = JSON.stringify(payload)
  return text.length > 100 ? `${text.slice(0, 97)}…` : text
}

function pathsOf(violations: readonly Violation[]): readonly string[] {
  return violations.map(({ path }) => path)
}
