import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readPostgresUrl } from '../src/location.ts'

test('a URL without parameters has the schema taskyard and eight connections', () => {
  const url = 'postgres://app:secret@db.example:5433/shop'
  const { connectionString, schema, connections, listenString } = readPostgresUrl(url)
  assert.deepEqual(
    { connectionString, schema, connections, listenString },
    {
      connectionString: url,
      schema: 'taskyard',
      connections: 8,
      listenString: null,
    },
  )
})

test('our parameters are taken out, those of the driver stay', () => {
  const { connectionString, schema, connections } = readPostgresUrl(
    'postgresql://db/shop?schema=tasks_2&sslmode=verify-full&connections=20&options=-c%20work_mem%3D8MB',
  )
  assert.equal(connectionString, 'postgresql://db/shop?sslmode=verify-full&options=-c+work_mem%3D8MB')
  assert.equal(schema, 'tasks_2')
  assert.equal(connections, 20)
})

test('listen is the same URL on another host', () => {
  const listenAt = (listen: string) =>
    readPostgresUrl(`postgres://app:secret@pooler:6432/shop?listen=${listen}&sslmode=require`).listenString
  assert.equal(listenAt('direct:5432'), 'postgres://app:secret@direct:5432/shop?sslmode=verify-full')
  assert.equal(listenAt('direct'), 'postgres://app:secret@direct/shop?sslmode=verify-full')
  assert.equal(listenAt('[::1]:5432'), 'postgres://app:secret@[::1]:5432/shop?sslmode=verify-full')
})

test('the modes of TLS that the driver takes for verify-full are written so, unless those of libpq are asked for', () => {
  const modeOf = (parameters: string) =>
    new URL(readPostgresUrl(`postgres://db/shop?${parameters}`).connectionString).searchParams.get('sslmode')
  for (const mode of ['prefer', 'require', 'verify-ca', 'verify-full']) {
    assert.equal(modeOf(`sslmode=${mode}`), 'verify-full')
  }
  assert.equal(modeOf('sslmode=require&uselibpqcompat=true'), 'require')
  assert.equal(modeOf('sslmode=disable'), 'disable')
  assert.equal(modeOf('sslmode=no-verify'), 'no-verify')
  assert.equal(modeOf('schema=tasks'), null)
})

test('a socket is a host whose slashes are encoded', () => {
  const { connectionString } = readPostgresUrl('postgres://app@%2Fvar%2Frun%2Fpostgresql/shop')
  assert.equal(connectionString, 'postgres://app@%2Fvar%2Frun%2Fpostgresql/shop')
})

test('what people are shown has no password', () => {
  const { shown } = readPostgresUrl('postgres://app:hunter2@db/shop?schema=tasks')
  assert.equal(shown, 'postgres://app:***@db/shop')
  assert.equal(readPostgresUrl('postgres://app@db/shop').shown, 'postgres://app@db/shop')
})

for (const [what, url, reason] of [
  ['no URL', 'hunter2', /not a URL such as postgres/],
  ['another scheme', 'mysql://app:hunter2@db/shop', /not a URL such as postgres/],
  ['a schema with capitals', 'postgres://app:hunter2@db/shop?schema=Tasks', /schema is "Tasks"; expected lower-case/],
  ['a schema that is no name', 'postgres://app:hunter2@db/shop?schema=a%22b', /schema is/],
  ['too few connections', 'postgres://app:hunter2@db/shop?connections=0', /whole number from 1 to 1000/],
  ['connections that are no number', 'postgres://app:hunter2@db/shop?connections=many', /whole number/],
  ['a schema of the server', 'postgres://app:hunter2@db/shop?schema=pg_tasks', /begin with pg_ are the server's own/],
  ['a host as a parameter', 'postgres:///shop?host=/var/run/postgresql', /for a socket: postgres:\/\/user@%2Fvar/],
  [
    'an unknown sslmode',
    'postgres://app:hunter2@db/shop?sslmode=bogus',
    /sslmode is "bogus"; expected disable, no-verify/,
  ],
  ['a certificate that is not there', 'postgres://app:hunter2@db/shop?sslrootcert=/no/such.pem', /ENOENT.*such\.pem/],
  ['a listen that is more than a host', 'postgres://app:hunter2@db/shop?listen=a:b@c', /expected host:port/],
  ['a typing error', 'postgres://app:hunter2@db/shop?shema=tasks', /the parameter "shema" is unknown; ours are schema/],
] as const) {
  test(`${what} is refused, without the password`, () => {
    const refusal = (error: { code: string; message: string }) =>
      error.code === 'invalid_configuration' && reason.test(error.message) && !error.message.includes('hunter2')
    assert.throws(() => readPostgresUrl(url), refusal)
  })
}
