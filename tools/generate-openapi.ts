// Writes contracts/openapi.json from the routes' schemas; with --check, only says whether it is up to date.
import { readFile, writeFile } from 'node:fs/promises'
import { openApiDocument } from '@taskyard/http'

const path = new URL('../contracts/openapi.json', import.meta.url)
const text = `${JSON.stringify(await openApiDocument(), null, 2)}\n`

if (!process.argv.includes('--check')) {
  await writeFile(path, text)
} else if ((await readFile(path, 'utf8').catch(() => '')) !== text) {
  console.error('contracts/openapi.json is out of date: run node tools/generate-openapi.ts')
  process.exitCode = 1
}
