import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readConfiguration } from '../src/configuration/read-configuration.ts'
import { storeName, storeUrl, withoutSecrets } from '../src/configuration/store-location.ts'
import { Taskyard } from '../src/taskyard.ts'

describe('store URLs', () => {
  for (const [text, kind] of [
    ['postgres://user:pass@db.example.com:5432/tasks?schema=jobs', 'postgres'],
    ['postgresql://db.example.com/tasks', 'postgres'],
    ['postgres://db-1:5432,db-2:5432/tasks', 'postgres'],
    ['redis://127.0.0.1:6379/2?prefix=jobs', 'redis'],
    ['rediss://:pass@cache.example.com', 'redis'],
    ['mongodb://a:27017,b:27017/tasks?replicaSet=rs0', 'mongodb'],
    ['mongodb+srv://user:pass@cluster.example.com/tasks', 'mongodb'],
  ] as const) {
    it(`${text} is a ${kind} store`, () => assert.deepEqual(storeUrl.parse(text), { kind, url: text }))
  }

  for (const text of [
    'postgres://',
    'postgres:///tasks',
    'redis:',
    'mongodb://a b',
    'mysql://host/db',
    'constructor://x',
  ]) {
    it(`${text} is refused`, () => assert.equal(storeUrl.parse(text), undefined))
  }
})

describe('paths of SQLite files', () => {
  for (const [text, path] of [
    ['sqlite:tasks.db', 'tasks.db'],
    ['sqlite:./data/tasks.db', './data/tasks.db'],
    ['sqlite:/var/lib/tasks.db', '/var/lib/tasks.db'],
    ['sqlite:///var/lib/tasks.db', '/var/lib/tasks.db'],
    ['sqlite:./~/tasks.db', './~/tasks.db'],
  ] as const) {
    it(`${text} is ${path}`, () => assert.deepEqual(storeUrl.parse(text), { kind: 'sqlite', path }))
  }

  for (const [text, why] of [
    ['sqlite://data/tasks.db', /write sqlite:data\/tasks\.db for a path from the working folder/],
    ['sqlite:~/tasks.db', /what ~ stands for/],
    ['sqlite:~ann/tasks.db', /what ~ stands for/],
  ] as const) {
    it(`${text} is refused, with what is wrong`, async () => {
      assert.equal(storeUrl.parse(text), undefined)
      assert.throws(() => readConfiguration({ TASKYARD_STORE: text }), { code: 'invalid_configuration', message: why })
      await assert.rejects(Taskyard.open({ store: text }), { code: 'invalid_configuration', message: why })
    })
  }
})

describe('the name of a store', () => {
  for (const [text, shown] of [
    ['postgres://user:hunter2@host/db', 'postgres://user:***@host/db'],
    ['redis://:hunter2@host', 'redis://:***@host'],
    ['mongodb://user:hunter2@a:1,b:2/db', 'mongodb://user:***@a:1,b:2/db'],
    ['postgres://user:hun/ter2@host/db', 'postgres://user:***@host/db'],
    ['postgres://user:hun@ter2@host/db', 'postgres://user:***@host/db'],
    ['postgres://user:hun?ter2@host/db', 'postgres://user:***@host/db'],
    ['postgres://host/db?user=me&password=hunter2&schema=x', 'postgres://host/db?user=me&password=***&schema=x'],
    ['rediss://host?tlsKeyPassword=hunter2', 'rediss://host?tlsKeyPassword=***'],
    ['postgres://user@host/db', 'postgres://user@host/db'],
    ['redis://127.0.0.1:6379/2', 'redis://127.0.0.1:6379/2'],
  ] as const) {
    it(`of ${text} holds no password`, () => assert.equal(withoutSecrets(text), shown))
  }

  it('of a file is its path', () => assert.equal(storeName({ kind: 'sqlite', path: './a.db' }), './a.db'))
})

it('a store that is not named is refused in words', async () => {
  for (const options of [{}, { store: 7 }]) {
    await assert.rejects(Taskyard.open(options as unknown as { store: string }), {
      code: 'invalid_configuration',
      message: /store is .*; expected sqlite:PATH/,
    })
  }
})
