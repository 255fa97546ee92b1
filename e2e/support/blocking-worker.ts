import { appendFileSync, existsSync } from 'node:fs'
import { Client } from '@taskyard/taskyard'

// A worker in a process of its own, whose handler blocks its thread until a file is there: `blocking-worker.ts URL FILE`.
// Each start is a line in `FILE.starts`.

const [url, file] = process.argv.slice(2) as [string, string]
const nothing = new Int32Array(new SharedArrayBuffer(4))
new Client({ url }).work(
  {
    block() {
      appendFileSync(`${file}.starts`, 'start\n')
      while (!existsSync(file)) Atomics.wait(nothing, 0, 0, 50)
      return 'done'
    },
  },
  { concurrency: 1, onError: () => {} },
)
process.once('disconnect', () => process.exit())
