import { parseArgs } from 'node:util'
import { measureConditions } from './report/conditions.ts'
import { repeat } from './report/repeat.ts'
import { jsonReport, textReport } from './report/report.ts'
import type { ScenarioOptions } from './scenario.ts'
import { scenarios } from './scenarios/index.ts'

const usage = `usage: npm run bench -- SCENARIO [--json] [--runs n] [--tasks n] [--seconds n] [--warmup n] [--connections n]
       [--finished n] [--waiting n] [--days n] [--store name] [--only NAME,…] [--works NAME,…] [--directory path]

${scenarios.map(({ name, summary }) => `  ${name.padEnd(16)} ${summary}`).join('\n')}
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    runs: { type: 'string' },
    tasks: { type: 'string' },
    seconds: { type: 'string' },
    warmup: { type: 'string' },
    connections: { type: 'string' },
    finished: { type: 'string' },
    waiting: { type: 'string' },
    days: { type: 'string' },
    store: { type: 'string' },
    only: { type: 'string' },
    works: { type: 'string' },
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
  ...whole('finished', values.finished),
  ...whole('waiting', values.waiting),
  ...whole('days', values.days),
  ...(values.store === undefined ? {} : { store: values.store }),
  ...names('only', values.only),
  ...names('works', values.works),
}
const tell = (line: string) => process.stderr.write(`${line}\n`)
const conditions = await measureConditions(values.directory)
const count = whole('runs', values.runs).runs ?? scenario.defaultRuns ?? 3
const { runs, recorded } = await repeat(scenario, options, { runs: count, directory: values.directory, tell })
const report = values.json ? jsonReport : textReport
const settings = scenario.settings(options)
process.stdout.write(`${report({ scenario: scenario.name, settings, conditions, recorded, runs })}\n`)

function whole<Name extends string>(name: Name, text: string | undefined): { readonly [name in Name]?: number } {
  if (text === undefined) return {}
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return { [name]: value } as { [name in Name]: number }
  process.stderr.write(`--${name} takes a whole number above 0, not ${text}\n`)
  process.exit(2)
}

function names<Name extends string>(name: Name, text: string | undefined): { readonly [name in Name]?: string[] } {
  return text === undefined ? {} : ({ [name]: text.split(',') } as { [name in Name]: string[] })
}
