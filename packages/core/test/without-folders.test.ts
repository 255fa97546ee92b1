import assert from 'node:assert/strict'
import { it, test } from 'node:test'
import { withoutFolders } from '../src/index.ts'

for (const [text, shown] of [
  ['/srv/taskyard/data/tasks.db was removed', 'tasks.db was removed'],
  ['    at send (file:///opt/node_modules/a/handler.js:45:11)', '    at send (handler.js:45:11)'],
  ['/srv/my data/tasks.db was removed', 'tasks.db was removed'],
  ['    at send (/home/Ada Lovelace/my app/handler.js:45:11)', '    at send (handler.js:45:11)'],
  ["ENOENT: no such file, open '/srv/my data/of it/tasks.db'", "ENOENT: no such file, open 'tasks.db'"],
  ["ENOENT: no such file, open '/etc/taskyard/key'", "ENOENT: no such file, open 'key'"],
  ['connect ECONNREFUSED /var/run/postgresql/.s.PGSQL.5432', 'connect ECONNREFUSED .s.PGSQL.5432'],
  ['http://127.0.0.1:8080/api/v1/tasks cannot be reached', 'http://127.0.0.1:8080/api/v1/tasks cannot be reached'],
  ['postgres://host/database/x', 'postgres://host/database/x'],
  ['./data/tasks.db is damaged', './data/tasks.db is damaged'],
  ["taskyard migrate --store 'sqlite:/srv/my data/tasks.db'", "taskyard migrate --store 'sqlite:tasks.db'"],
  ['the store sqlite:/srv/data/tasks.db is damaged', 'the store sqlite:tasks.db is damaged'],
  ['expected /api/v1 but got src/index.ts', 'expected v1 but got src/index.ts'],
  ['cannot rename /data/a.db -> /mnt/b.db', 'cannot rename a.db -> b.db'],
  ["fetch('http://host/a/b') failed", "fetch('http://host/a/b') failed"],
  ['GET /livez took 1/2 s', 'GET /livez took 1/2 s'],
] as const)
  it(`"${text}" is shown as "${shown}"`, () => assert.equal(withoutFolders(text), shown))

test('a text of megabytes is over at once: it takes no time by the square of its length', () => {
  // A text by whose square it took time would keep this test for an hour.
  for (const part of ['/a,', '/a ', "('/a", '(/a b', '/a/']) withoutFolders(part.repeat(1_000_000))
})
