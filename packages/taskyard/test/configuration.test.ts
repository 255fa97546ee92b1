import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TaskyardError } from '@taskyard/core'
import { ENVIRONMENT, readConfiguration } from '../src/configuration/read-configuration.ts'

describe('readConfiguration', () => {
  it('fills every default from an empty environment', () => {
    const configuration = readConfiguration({})
    assert.deepEqual(configuration.store, { kind: 'sqlite', path: './data/taskyard.db' })
    assert.equal(configuration.host, '127.0.0.1')
    assert.equal(configuration.port, 8080)
    assert.deepEqual(configuration.roles, ['api', 'worker', 'scheduler'])
    assert.equal(configuration.smtpUrl, null)
    assert.equal(configuration.retentionDays, 7)
  })

  it('reads each kind of value', () => {
    const configuration = readConfiguration({
      TASKYARD_STORE: 'sqlite:/var/lib/taskyard/tasks.db',
      TASKYARD_ROLES: 'scheduler, api',
      TASKYARD_QUEUES: 'mail,reports',
      TASKYARD_HTTP_ALLOW_PRIVATE: 'true',
      TASKYARD_RETENTION_DAYS: '0.5',
      TASKYARD_SMTP_FROM: 'Taskyard <noreply@example.com>',
    })
    assert.deepEqual(configuration.store, { kind: 'sqlite', path: '/var/lib/taskyard/tasks.db' })
    assert.deepEqual(configuration.roles, ['api', 'scheduler'])
    assert.deepEqual(configuration.queues, ['mail', 'reports'])
    assert.equal(configuration.httpAllowPrivate, true)
    assert.equal(configuration.retentionDays, 0.5)
    const allowed = readConfiguration({ TASKYARD_HTTP_ALLOW_PRIVATE: '10.0.0.0/8, ::1' }).httpAllowPrivate
    assert.deepEqual(allowed, ['10.0.0.0/8', '::1'])
    assert.equal(configuration.smtpFrom, 'Taskyard <noreply@example.com>')
  })

  it('takes an empty value as unset', () => {
    assert.equal(readConfiguration({ TASKYARD_PORT: '' }).port, 8080)
    assert.equal(readConfiguration({ TASKYARD_SMTP_URL: '' }).smtpUrl, null)
  })

  it('looks only at names of its own', () => {
    assert.equal(readConfiguration({ PORT: '99', PATH: '/bin' }).port, 8080)
  })

  it('suggests the name that was meant', () => {
    assert.match(
      reasonFor({ TASKYARD_STOER: 'sqlite:x' }),
      /TASKYARD_STOER is not a setting.*did you mean TASKYARD_STORE\?/,
    )
  })

  it('points to the reference when no name is near', () => {
    assert.match(reasonFor({ TASKYARD_FROBNICATE_ALL: '1' }), /; taskyard help environment lists them$/)
  })

  it('names everything that is wrong at once', () => {
    const reason = reasonFor({ TASKYARD_PORT: 'eighty', TASKYARD_LOG_LEVEL: 'loud', TASKYARD_HOTS: 'x' })
    assert.match(reason, /TASKYARD_PORT is "eighty"; expected a whole number from 0 to 65535/)
    assert.match(reason, /TASKYARD_LOG_LEVEL is "loud"; expected one of trace/)
    assert.match(reason, /did you mean TASKYARD_HOST\?/)
  })

  for (const [name, value, what] of [
    ['TASKYARD_STORE', 'postgres://host/db?schema=Bad Name', /there is a blank in it/],
    ['TASKYARD_STORE', 'postgres:///db', /after postgres:\/\/ its server has to come/],
    ['TASKYARD_SMTP_URL', 'smtp://a@b@c:x', /what follows cannot be read/],
    ['TASKYARD_HTTP_ALLOW_PRIVATE', '10.0.0.0/8,10.0.0.0/33', /: 10\.0\.0\.0\/33 is none$/],
  ] as const) {
    it(`says what is wrong with ${name}=${value}`, () => assert.match(reasonFor({ [name]: value }), what))
  }

  it('names an address that is none together with the rest', () => {
    const reason = reasonFor({ TASKYARD_HTTP_ALLOW_PRIVATE: '10.0.0.0/33', TASKYARD_LOG_LEVEL: 'verbose' })
    assert.match(reason, /TASKYARD_HTTP_ALLOW_PRIVATE is .*\n.*TASKYARD_LOG_LEVEL|LOG_LEVEL.*\n.*HTTP_ALLOW_PRIVATE/)
  })

  it('does not show a secret that it refuses', () => {
    const reason = reasonFor({ TASKYARD_SMTP_URL: 'mail://user:hunter2@host' })
    assert.match(reason, /TASKYARD_SMTP_URL/)
    assert.doesNotMatch(reason, /hunter2/)
  })

  it('explains the names that Kubernetes sets for a Service called taskyard', () => {
    assert.match(reasonFor({ TASKYARD_SERVICE_HOST: '10.0.0.1' }), /enableServiceLinks/)
    assert.match(reasonFor({ TASKYARD_PORT: 'tcp://10.0.0.1:80' }), /enableServiceLinks/)
  })

  it('does not show the password of a store that it refuses', () => {
    const reason = reasonFor({ TASKYARD_STORE: 'postgre://user:hunter2@host/db' })
    assert.match(reason, /postgre:\/\/user:\*\*\*@host/)
    assert.doesNotMatch(reason, /hunter2/)
  })

  it('lets the processes on a shared store have any roles', () => {
    const store = { TASKYARD_STORE: 'postgres://localhost/tasks' }
    assert.deepEqual(readConfiguration({ ...store, TASKYARD_ROLES: 'api' }).roles, ['api'])
    assert.deepEqual(readConfiguration({ ...store, TASKYARD_ROLES: 'worker' }).roles, ['worker'])
  })

  it('refuses to leave a SQLite store without a scheduler', () => {
    assert.match(reasonFor({ TASKYARD_ROLES: 'api,worker' }), /Add scheduler/)
  })

  for (const [name, value] of [
    ['TASKYARD_STORE', 'mysql://localhost/x'],
    ['TASKYARD_STORE', 'sqlite:'],
    ['TASKYARD_STORE', 'sqlite::memory:'],
    ['TASKYARD_PORT', '65536'],
    ['TASKYARD_PORT', '-1'],
    ['TASKYARD_PORT', '1e3'],
    ['TASKYARD_ROLES', 'api,cook'],
    ['TASKYARD_ROLES', ','],
    ['TASKYARD_QUEUES', 'a b'],
    ['TASKYARD_QUEUES', 'mail*'],
    ['TASKYARD_CONCURRENCY', '0'],
    ['TASKYARD_HTTP_ALLOW_PRIVATE', 'maybe'],
    ['TASKYARD_HTTP_ALLOW_PRIVATE', 'constructor'],
    ['TASKYARD_HTTP_ALLOW_PRIVATE', '10.0.0.0/33'],
    ['TASKYARD_HTTP_ALLOW_PRIVATE', '10.1'],
    ['TASKYARD_HTTP_ALLOW_PRIVATE', '999.1.1.1'],
    ['TASKYARD_HTTP_ALLOW_PRIVATE', 'fd00::/129'],
    ['TASKYARD_SMTP_URL', 'smtp://a@b@c:x'],
    ['TASKYARD_SMTP_URL', 'smtp://a:100%@host'],
    ['TASKYARD_SMTP_URL', 'smtp:///'],
    ['TASKYARD_SMTP_FROM', 'a@b, c@d'],
    ['TASKYARD_SMTP_FROM', 'a@b..c'],
    ['TASKYARD_URL', 'http://100%@host'],
    ['TASKYARD_SMTP_FROM', 'nobody'],
    ['TASKYARD_RETENTION_DAYS', 'forever'],
    ['TASKYARD_URL', 'ftp://host'],
    ['TASKYARD_HOST', 'a host'],
  ] as const) {
    it(`refuses ${name}=${value}`, () => assert.match(reasonFor({ [name]: value }), new RegExp(`^${name} is `)))
  }
})

describe('ENVIRONMENT', () => {
  it('lists each variable once, with a description', () => {
    const names = ENVIRONMENT.map(({ name }) => name)
    assert.equal(new Set(names).size, names.length)
    for (const { name, description } of ENVIRONMENT) assert.ok(description.length > 10, name)
  })

  it('has only defaults that are accepted', () => {
    const defaults = ENVIRONMENT.filter((variable) => variable.default !== null)
    assert.ok(
      readConfiguration(Object.fromEntries(defaults.map(({ name, default: value }) => [name, value as string]))),
    )
  })
})

function reasonFor(environment: Record<string, string>): string {
  try {
    readConfiguration(environment)
  } catch (error) {
    assert.ok(error instanceof TaskyardError)
    assert.equal(error.code, 'invalid_configuration')
    return error.message
  }
  throw new Error('the configuration was accepted')
}
