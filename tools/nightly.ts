// What is too long for the gate, one after the other: `npm run nightly [-- --only TEXT]`. Output goes to `.tmp/nightly`.
import { spawn } from 'node:child_process'
import { createWriteStream, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

interface Step {
  readonly name: string
  readonly command: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

const STORES = ['sqlite', 'postgres', 'redis', 'mongodb'] as const

const STEPS: readonly Step[] = [
  ...STORES.map((store) => ({
    name: `model search on ${store}`,
    command: [
      'tools/run-tests.ts',
      ...['--unlimited', '--only', 'random sequences of calls'],
      `packages/store-${store}/test/conformance*.test.ts`,
    ],
    env: { MODEL_RUNS: '5000' },
  })),
  ...STORES.map((store) => ({
    name: `oldest Node on ${store}`,
    command: ['tools/test-oldest-node.ts', `packages/store-${store}/test/conformance*.test.ts`],
  })),
  ...STORES.map((store) => ({ name: `fuzz on ${store}`, command: ['e2e/fuzz/main.ts', '--store', store] })),
  ...STORES.map((store) => ({ name: `soak on ${store}`, command: ['e2e/soak/main.ts', '--store', store] })),
  ...STORES.map((store) => ({
    name: `ageing on ${store}`,
    // FerretDB would take a night for the whole of it.
    command: [
      ...['bench/main.ts', 'ageing', '--store', store],
      ...(store === 'mongodb' ? ['--finished', '50000', '--waiting', '5000'] : []),
    ],
  })),
  ...STORES.map((store) => ({
    name: `chaos on ${store}`,
    command: ['e2e/chaos/main.ts', '--store', store, ...(store === 'mongodb' ? ['--tasks', '6000'] : [])],
  })),
  { name: 'backups under load on sqlite', command: ['bench/main.ts', 'backup'] },
  {
    name: 'chaos with power failures on redis',
    command: ['e2e/chaos/main.ts', '--store', 'redis', '--power-failures'],
  },
]

const root = join(import.meta.dirname, '..')
const logs = join(root, '.tmp/nightly')
const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } })
mkdirSync(logs, { recursive: true })

let failed = 0
for (const step of STEPS.filter(({ name }) => name.includes(values.only))) {
  const startedAt = performance.now()
  const passed = await passes(step)
  if (!passed) failed += 1
  const minutes = ((performance.now() - startedAt) / 60_000).toFixed(1)
  console.log(`${passed ? '✔' : '✖'} ${step.name} (${minutes} min)`)
}
process.exitCode = failed === 0 ? 0 : 1

function passes({ name, command, env }: Step): Promise<boolean> {
  const log = createWriteStream(join(logs, `${name.replaceAll(' ', '-')}.log`))
  const child = spawn(process.execPath, command, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const output of [child.stdout, child.stderr]) output.pipe(log, { end: false })
  return new Promise((resolve) => {
    child.on('close', (code) => log.end(() => resolve(code === 0)))
  })
}
