import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readSettings } from '../src/settings.ts'

test('the database is the path of the URL, taskyard without one', () => {
  assert.equal(readSettings('mongodb://host/work').database, 'work')
  assert.equal(readSettings('mongodb://host/').database, 'taskyard')
  assert.equal(readSettings('mongodb+srv://host').database, 'taskyard')
  assert.equal(readSettings('mongodb://host/a%2Db?replicaSet=rs0').database, 'a-b')
})

test('hosts, users and the parameters of the driver reach the driver, ours and the weakening ones do not', () => {
  const url = 'mongodb://me:p%40ss@one:1,two:2/work?replicaSet=rs0&wakeUps=poll&w=majority&readPreference=secondary'
  assert.equal(readSettings(url).url, 'mongodb://me:p%40ss@one:1,two:2/work?replicaSet=rs0')
})

test('wake-ups are by the deployment unless the URL says how', () => {
  assert.equal(readSettings('mongodb://host/').wakeUps, 'auto')
  assert.equal(readSettings('mongodb://host/?wakeUps=poll').wakeUps, 'poll')
  assert.throws(() => readSettings('mongodb://host/?wakeUps=stream'), { code: 'invalid_configuration' })
})

test('a majority with its journals is what there is to ask for', () => {
  for (const query of ['', 'w=majority', 'journal=true', 'j=true&w=majority']) {
    assert.equal(readSettings(`mongodb://host/?${query}`).weakness, null, query)
  }
  for (const query of ['w=1', 'w=0', 'w=3', 'journal=false', 'j=false']) {
    assert.ok(readSettings(`mongodb://host/?${query}`).weakness !== null, query)
  }
})
