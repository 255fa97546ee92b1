// Starts a server, says where it is, and lives on until it is killed.
import { type ServerKind, startServer } from '../../src/index.ts'

const { url, pid } = await startServer(process.argv[2] as ServerKind)
console.log(JSON.stringify({ url, pid }))
setInterval(() => {}, 2 ** 30)
