import { parseArgs } from 'node:util'
import { check } from './checker.ts'
import { readHistory } from './history.ts'
import { verdictText } from './report.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false } },
})
if (positionals.length === 0) {
  process.stderr.write('usage: node e2e/chaos/check.ts HISTORY.jsonl [MORE.jsonl …] [--json]\n')
  process.exit(2)
}
const verdict = check(readHistory(positionals))
process.stdout.write(`${values.json ? JSON.stringify(verdict, null, 2) : verdictText(verdict)}\n`)
process.exitCode = verdict.passed ? 0 : 1
