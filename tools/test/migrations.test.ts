import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'

for (const store of ['store-sqlite', 'store-postgres']) {
  test(`migrations of ${store} are numbered one after the other: the number of a file is the version that it makes`, () => {
    const names = readdirSync(new URL(`../../packages/${store}/src/migrations/`, import.meta.url))
    const numbers = names.map((name) => Number(name.slice(0, 4))).sort((one, other) => one - other)
    assert.deepEqual(
      numbers,
      numbers.map((_, i) => i + 1),
    )
  })
}
