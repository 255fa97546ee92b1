import type { Point } from './points.ts'
import { between, pick } from './seeded-random.ts'

export type Step =
  | { readonly do: 'kill-server'; readonly point: Point; readonly afterMs: number }
  | { readonly do: 'kill-worker'; readonly point: Point; readonly afterMs: number }
  | { readonly do: 'hang-worker'; readonly afterMs: number }
  | { readonly do: 'hang-server'; readonly afterMs: number }
  | { readonly do: 'cut-session'; readonly afterMs: number }
  /** Long enough for every interrupted task to be due again, with nothing else going wrong. */
  | { readonly do: 'quiet' }

const serverPoints: readonly Point[] = [
  'submit-sent',
  'submit-answered',
  'claim-answered',
  'settle-sent',
  'settle-answered',
  'heartbeat-sent',
  'start-up',
  'drain',
  'random',
]
const workerPoints: readonly Point[] = [
  'claim-answered',
  'handler-started',
  'handler-started',
  'settle-sent',
  'settle-answered',
  'heartbeat-sent',
  'start-up',
  'drain',
  'random',
  'random',
]

/**
 * What will go wrong, in order: first kills during the very first start (while the schema is made), then blocks of
 * worker kills with a hang and a session cut among them, followed by quiet, and blocks of server kills in turns. Every
 * second server block also hangs the server.
 */
export function planFaults(kills: number, random: () => number): readonly Step[] {
  const block = Math.max(3, Math.min(10, Math.round(kills / 4)))
  const first = Math.min(5, Math.ceil(kills / 10))
  const steps: Step[] = Array.from({ length: first }, () => ({ do: 'kill-server', point: 'first-start', afterMs: 0 }))
  for (let left = kills - first, blocks = 0; left > 0; blocks++) {
    const size = Math.min(block, left)
    left -= size
    steps.push(...(blocks % 2 === 0 ? workerBlock(size, random) : serverBlock(size, random, blocks % 4 === 1)))
  }
  return steps
}

function workerBlock(kills: number, random: () => number): readonly Step[] {
  const steps: Step[] = Array.from({ length: kills }, () => ({
    do: 'kill-worker',
    point: pick(random, workerPoints),
    afterMs: between(random, 200, 1500),
  }))
  steps.splice(Math.floor(random() * steps.length), 0, { do: 'hang-worker', afterMs: between(random, 100, 500) })
  steps.splice(Math.floor(random() * steps.length), 0, { do: 'cut-session', afterMs: 100 })
  return [...steps, { do: 'quiet' }]
}

function serverBlock(kills: number, random: () => number, hang: boolean): readonly Step[] {
  const steps: Step[] = Array.from({ length: kills }, () => ({
    do: 'kill-server',
    point: pick(random, serverPoints),
    afterMs: between(random, 100, 1200),
  }))
  if (hang) steps.splice(Math.floor(random() * steps.length), 0, { do: 'hang-server', afterMs: 300 })
  return [...steps, { do: 'cut-session', afterMs: 500 }, { do: 'quiet' }]
}
