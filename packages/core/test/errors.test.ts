import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { ERRORS, type ErrorCode, TaskFailure, TaskyardError } from '@taskyard/core'

const CODES = Object.keys(ERRORS) as readonly ErrorCode[]

describe('error catalogue', () => {
  for (const code of CODES) {
    it(`${code} has what a problem document needs`, () => {
      const { status, title, template } = ERRORS[code]
      assert.match(code, /^[a-z]+(_[a-z]+)*$/)
      assert.ok(status >= 400 && status <= 599)
      assert.ok(title.length > 0 && !title.endsWith('.'))
      assert.ok(template.length > 0 && !template.endsWith('.'))
    })

    it(`${code} leaves no gap in its message when every value is given`, () => {
      const values = Object.fromEntries(placeholders(ERRORS[code].template).map((name) => [name, `<${name}>`]))
      const { message } = new TaskyardError(code, values)
      for (const name of Object.keys(values)) assert.ok(message.includes(`<${name}>`), message)
      assert.deepEqual(placeholders(message), [])
    })
  }

  it('gives every title once', () => {
    const titles = CODES.map((code) => ERRORS[code].title)
    assert.equal(new Set(titles).size, titles.length)
  })

  it('calls nothing retryable that the caller has to change first', () => {
    const retryable = CODES.filter((code) => ERRORS[code].retryable)
    assert.deepEqual(
      retryable.filter((code) => ERRORS[code].status !== 429 && ERRORS[code].status !== 503),
      [],
    )
  })

  it('calls every refusal of a request definite', () => {
    const vague = CODES.filter((code) => !ERRORS[code].definite)
    assert.deepEqual(
      vague.filter((code) => ERRORS[code].status < 500),
      [],
    )
  })

  it('is given every value of its template wherever an error is made', async () => {
    const gaps = (await sources(new URL('../../', import.meta.url))).flatMap(missingValues)
    assert.deepEqual(gaps, [])
  })
})

describe('TaskyardError', () => {
  it('carries the entry of its code, its violations and its cause', () => {
    const cause = new Error('disk')
    const violations = [{ path: '/payload/to', message: 'is missing' }]
    const error = new TaskyardError('store_unavailable', { reason: 'it is closed' }, { cause, violations })
    const { status, title, retryable, definite } = ERRORS.store_unavailable
    assert.deepEqual(
      { ...error, message: error.message, cause: error.cause },
      {
        name: 'TaskyardError',
        code: 'store_unavailable',
        status,
        title,
        retryable,
        definite,
        violations,
        message: 'The store cannot serve: it is closed',
        cause,
      },
    )
    assert.ok(error instanceof Error)
  })

  it('says its title when a value for its message is missing', () => {
    assert.equal(new TaskyardError('queue_full', { queue: 'mail' }).message, ERRORS.queue_full.title)
    assert.equal(new TaskyardError('too_large', { limit: null }).message, ERRORS.too_large.title)
  })

  it('puts values in as they are', () => {
    const { message } = new TaskyardError('invalid_request', { reason: '$& $1 {reason} {limit}' })
    assert.equal(message, '$& $1 {reason} {limit}')
  })
})

describe('TaskFailure', () => {
  it('is retryable by the backoff unless it says otherwise', () => {
    const { code, retryable, retryDelaySeconds } = new TaskFailure('no')
    assert.deepEqual(
      { code, retryable, retryDelaySeconds },
      { code: 'error', retryable: true, retryDelaySeconds: null },
    )
  })

  it('keeps what it is told', () => {
    const { message, code, retryable, retryDelaySeconds } = new TaskFailure('no such mailbox', {
      code: 'mailbox_unknown',
      retryable: false,
      retryDelaySeconds: 0,
    })
    assert.deepEqual([message, code, retryable, retryDelaySeconds], ['no such mailbox', 'mailbox_unknown', false, 0])
  })
})

function placeholders(template: string): readonly string[] {
  return [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string)
}

async function sources(packages: URL): Promise<readonly { file: string; text: string }[]> {
  const files = await readdir(packages, { recursive: true })
  const ours = files.filter((file) => /^[^/]+\/src\/.*\.ts$/.test(file) && !file.includes('node_modules'))
  return Promise.all(ours.map(async (file) => ({ file, text: await readFile(new URL(file, packages), 'utf8') })))
}

/** Values that a template asks for and the object literal beside the code does not name. */
function missingValues({ file, text }: { file: string; text: string }): readonly string[] {
  return [...text.matchAll(/new TaskyardError\(\s*'(\w+)'/g)].flatMap((call) => {
    const code = call[1] as ErrorCode
    const values = objectLiteralAfter(text, call.index + call[0].length)
    const missing = placeholders(ERRORS[code].template).filter((name) => !new RegExp(`\\b${name}\\b`).test(values))
    return missing.map((name) => `${file}: ${code} is not given ${name}`)
  })
}

function objectLiteralAfter(text: string, from: number): string {
  const start = /^\s*,\s*\{/.exec(text.slice(from, from + 100))
  if (start === null) return ''
  let depth = 0
  for (let at = from + start[0].length - 1; at < text.length; at++) {
    if (text[at] === '{') depth += 1
    if (text[at] === '}') depth -= 1
    if (depth === 0) return text.slice(from, at)
  }
  return ''
}
