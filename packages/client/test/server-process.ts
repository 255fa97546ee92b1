import { startRealServer } from './real-server.ts'

// A Taskyard in a process of its own: `server-process.ts FILE`. Tells its URL by message and ends when told to.
const server = await startRealServer(process.argv[2] as string)
process.once('message', () => {
  void server.stop().then(() => process.disconnect())
})
process.send?.(server.url)
