process.once('SIGTERM', () => process.exit(7))
const keepAlive = setInterval(() => {}, 60_000)
keepAlive.ref()
console.log(JSON.stringify({ arguments: process.argv.slice(2), major: Number.parseInt(process.versions.node, 10) }))
