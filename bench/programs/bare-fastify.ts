import Fastify from 'fastify'

// What the machine can do at most: the same request through Fastify alone, parsed and answered, nothing checked or stored.

const server = Fastify({ logger: false })
server.get('/ready', async () => ({ ready: true }))
server.post('/api/v1/tasks', async (request, reply) => reply.code(202).send(request.body))
await server.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })
process.once('SIGTERM', () => void server.close())
