// Durable tasks inside one program: no server, one SQLite file. Run it with: node examples/library.ts
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Taskyard } from '@taskyard/taskyard'

const handlers = {
  greet: (task: { payload: { name: string } }) => ({ greeting: `Hello, ${task.payload.name}!` }),
}

const folder = await mkdtemp(join(tmpdir(), 'taskyard-example-'))
const yard = await Taskyard.open<typeof handlers>({ store: `sqlite:${join(folder, 'tasks.db')}` })
const worker = yard.work(handlers, { concurrency: 10 })

const { id } = await yard.submit('greet', { name: 'Ada' })
const task = await yard.wait(id)
console.log(task.status, task.result)

await worker.stop()
await yard.close()
