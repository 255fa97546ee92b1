import { Agent, request } from 'node:http'

/** Posts every body, `parallel` at a time: an object with `tasks` as a batch, others as one task. All must be 202. */
export async function postInBatches(url: string, bodies: readonly string[], parallel = 4): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: parallel })
  let next = 0
  const sender = async () => {
    for (let body = bodies[next++]; body !== undefined; body = bodies[next++]) await post(agent, url, body)
  }
  try {
    await Promise.all(Array.from({ length: parallel }, sender))
  } finally {
    agent.destroy()
  }
}

function post(agent: Agent, url: string, body: string): Promise<void> {
  const path = body.startsWith('{"tasks"') ? '/api/v1/tasks/batch' : '/api/v1/tasks'
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const outgoing = request(url + path, { method: 'POST', agent, headers }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.once('end', () => {
        if (answer.statusCode === 202) resolve()
        else
          reject(new Error(`${path} answered ${answer.statusCode}: ${Buffer.concat(chunks).toString().slice(0, 500)}`))
      })
      answer.once('error', reject)
    })
    outgoing.once('error', reject)
    outgoing.end(body)
  })
}
