import { Agent } from 'node:http'
import { seededRandom } from '../chaos/seeded-random.ts'
import { answerFaults } from './answer-faults.ts'
import { createApi } from './api.ts'
import { createChoice } from './choice.ts'
import { finalFaults } from './final-check.ts'
import { createKnowledge } from './knowledge.ts'
import { readContract } from './operations.ts'
import { createRequests, type FuzzRequest } from './requests.ts'
import { type Answer, NO_ANSWER, send } from './send.ts'
import { postSentinels } from './sentinels.ts'
import { createValues } from './values.ts'

export interface FuzzOptions {
  readonly url: string
  readonly requests: number
  readonly seed: number
  /** Whether the server process lives. */
  isAlive(): boolean
  /** The store takes its time: that it could not answer in time is counted, and no fault. */
  readonly isSlow?: boolean
  log?(line: string): void
}

export interface FuzzReport {
  readonly sent: number
  /** Answers by operation and class of status, such as `submitTask 2xx`. */
  readonly answers: ReadonlyMap<string, number>
  /** Answers that did not come in time from a store that is slow. */
  readonly late: number
  /** Each with the request that showed it. */
  readonly faults: readonly string[]
}

const CONCURRENCY = 8
/** Faults after which there is no use in going on. */
const MAX_FAULTS = 50
const LOG_EVERY = 2000

/** Sends requests that are as the contract wants them, almost, or not at all, and says what the server did wrong. */
export async function runFuzz({ url, requests, seed, isAlive, isSlow = false, log }: FuzzOptions): Promise<FuzzReport> {
  const contract = readContract()
  const choice = createChoice(seededRandom(seed))
  const knowledge = createKnowledge()
  const generator = createRequests(contract, createValues(contract, knowledge, choice), knowledge, choice)
  const api = createApi(url)
  const sentinels = await postSentinels(api)
  const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY })
  const answers = new Map<string, number>()
  const faults: string[] = []
  let sent = 0
  let late = 0

  async function sendMany(): Promise<void> {
    while (sent < requests && faults.length < MAX_FAULTS && isAlive()) {
      sent += 1
      if (sent % LOG_EVERY === 0) log?.(`${sent} requests, ${faults.length} faults`)
      await sendOne(generator.next())
    }
  }

  async function sendOne(request: FuzzRequest): Promise<void> {
    try {
      const answer = await send(url, request, agent)
      countAnswer(answers, request, answer)
      if (isSlow && isTimeOut(answer)) {
        late += 1
        return
      }
      for (const fault of answerFaults(request, answer)) faults.push(`${fault}\n  ${describeRequest(request)}`)
      if (answer.status < 300) learnFrom(answer)
    } catch (error) {
      if (isSlow && (error as Error).message === NO_ANSWER) late += 1
      else faults.push(`no answer: ${error}\n  ${describeRequest(request)}`)
    }
  }

  function learnFrom({ contentType, text }: Answer): void {
    if (contentType.startsWith('application/json') && text !== '') generator.learn(JSON.parse(text))
  }

  try {
    await Promise.all(Array.from({ length: CONCURRENCY }, sendMany))
  } finally {
    agent.destroy()
  }
  if (!isAlive()) return { sent, answers, late, faults: [...faults, 'the server has ended'] }
  for (const change of await sentinels.changes()) faults.push(`a task that nobody touched has changed: ${change}`)
  return { sent, answers, late, faults: [...faults, ...(await finalFaults(api))] }
}

function countAnswer(answers: Map<string, number>, { operation }: FuzzRequest, { status }: Answer): void {
  const key = `${operation} ${Math.floor(status / 100)}xx`
  answers.set(key, (answers.get(key) ?? 0) + 1)
}

function isTimeOut({ status, text }: Answer): boolean {
  return status === 503 && text.includes('did not answer within')
}

function describeRequest({ method, target, headers, body }: FuzzRequest): string {
  const bytes = body === null ? '' : JSON.stringify(body.toString('utf8')).slice(0, 600)
  return `${method} ${target.slice(0, 300)} ${JSON.stringify(headers)} ${bytes}`
}
