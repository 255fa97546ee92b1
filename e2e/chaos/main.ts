import { parseArgs } from 'node:util'
import { verdictText } from './report.ts'
import { runChaos } from './run.ts'

const { values } = parseArgs({
  options: {
    store: { type: 'string', default: 'sqlite' },
    kills: { type: 'string', default: '200' },
    tasks: { type: 'string', default: '50000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    workers: { type: 'string', default: '3' },
    directory: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const usage =
  'usage: npm run chaos -- --store sqlite [--kills 200] [--tasks 50000] [--seed n] [--workers 3] [--directory path] [--json]\n'
if (values.help || values.store !== 'sqlite') {
  process.stderr.write(values.help ? usage : `${usage}the only store so far is sqlite\n`)
  process.exit(values.help ? 0 : 2)
}
// An interrupted run must not leave its processes behind: 'exit' handlers kill them.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

const [kills, tasks, seed, workers] = [values.kills, values.tasks, values.seed, values.workers].map(Number) as Numbers
if (
  ![kills, tasks, seed, workers].every((value) => Number.isInteger(value) && value >= 0) ||
  kills * tasks * workers === 0
) {
  process.stderr.write(usage)
  process.exit(2)
}
const directory = values.directory ?? `.tmp/chaos/${new Date().toISOString().replaceAll(':', '-')}`
const tell = (line: string) => void process.stderr.write(`${line}\n`)
tell(`seed ${seed}, ${directory}`)
const result = await runChaos({ kills, tasks, seed, workers, directory, leaseSeconds: 5, sessionGraceSeconds: 5, tell })
const { verdict, history, seconds } = result
const text = `${verdictText(verdict)}\n\nseed ${seed}, ${Math.round(seconds)} s, history in ${history}`
process.stdout.write(`${values.json ? JSON.stringify({ seed, seconds, history, ...verdict }, null, 2) : text}\n`)
process.exitCode = verdict.passed ? 0 : 1

type Numbers = [number, number, number, number]
