import { parseArgs } from 'node:util'
import { measureConditions } from './report/conditions.ts'
import { repeat } from './report/repeat.ts'
import { jsonReport, textReport } from './report/report.ts'
import type { ScenarioOptions } from './scenario.ts'
import { scenarios } from './scenarios/index.ts'

const usage = `usage: npm run bench -- SCENARIO [--json] [--runs n] [--tasks n] [--seconds n] [--warmup n] [--connections n]

${scenarios.map(({ name, summary }) => `  ${name.padEnd(16)} ${summary}`).join('\n')}
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    runs: { type: 'string', default: '3' },
    tasks: { type: 'string' },
    seconds: { type: 'string' },
    warmup: { type: 'string' },
    connections: { type: 'string' },
    directory: { type: 'string', default: '.tmp/bench' },
    help: { type: 'boolean', default: false },
  },
})

const scenario = scenarios.find(({ name }) => name === positionals[0])
if (values.help || scenario === undefined) {
  process.stderr.write(usage)
  process.exit(values.help ? 0 : 2)
}

const options: ScenarioOptions = {
  ...whole('tasks', values.tasks),
  ...whole('seconds', values.seconds),
  ...whole('warmupSeconds', values.warmup),
  ...whole('connections', values.connections),
}
const tell = (line: string) => process.stderr.write(`${line}\n`)
const conditions = await measureConditions(values.directory)
const runs = await repeat(scenario, options, { runs: Number(values.runs), directory: values.directory, tell })
const report = values.json ? jsonReport : textReport
process.stdout.write(`${report({ scenario: scenario.name, settings: scenario.settings(options), conditions, runs })}\n`)

function whole(name: keyof ScenarioOptions, text: string | undefined): ScenarioOptions {
  if (text === undefined) return {}
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return { [name]: value }
  process.stderr.write(`--${name} takes a whole number above 0, not ${text}\n`)
  process.exit(2)
}
