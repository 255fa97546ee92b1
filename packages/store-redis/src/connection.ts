import type { Clock } from '@taskyard/core'
import { TaskyardError } from '@taskyard/core'
import { Cluster, type ClusterOptions, Command, Redis, type RedisOptions } from 'ioredis'
import { toStoreError } from './redis-errors.ts'
import { type RedisAddress, wrongUrl } from './redis-url.ts'
import type { Script } from './scripts.ts'

/** Opening against a server that is away gives up after this. */
const OPEN_MS = 4_500
/** A server that does not answer for this long is taken for gone. */
export const SILENCE_MS = 10_000
const LONGEST_RECONNECT_MS = 500

export type Client = Redis | Cluster

// A command is sent once or not at all. What a lost connection leaves unanswered is rejected: whether it was carried out,
// and whether it may be repeated, only its caller can say.
const CALLS = {
  lazyConnect: true,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  // The client would leave its rejection to nobody when the connection breaks again before the answer.
  autoResubscribe: false,
  maxRetriesPerRequest: 0,
  connectTimeout: OPEN_MS,
  socketTimeout: SILENCE_MS,
  maxLoadingRetryTime: 500,
  connectionName: 'taskyard',
  retryStrategy: (times: number) => Math.min(times * 50, LONGEST_RECONNECT_MS),
  // After a fail-over the address may lead to the old primary, now a replica: look again who is the primary.
  reconnectOnError: (error: Error) => /^READONLY/.test(error.message),
} satisfies RedisOptions

/**
 * Connects; from then on reconnects by itself, for ever.
 * @throws TaskyardError store_unavailable, when the server cannot be reached now; invalid_configuration, when it has no such
 * database
 */
export async function connect(address: RedisAddress, clock: Clock): Promise<Client> {
  const client = address.cluster ? clusterClient(address) : singleClient(address)
  let lastError: unknown = null
  client.on('error', (error) => {
    lastError = error
  })
  try {
    await within(OPEN_MS, clock, connected(client, address))
    return client
  } catch (error) {
    client.disconnect()
    if (error instanceof TaskyardError) throw error
    const reason = messageOf(lastError ?? error)
    if (/^(WRONGPASS|NOAUTH|NOPERM)/.test(reason)) throw refused(address, reason, error)
    throw new TaskyardError('store_unavailable', { reason: `${address.shown}: ${reason}` }, { cause: error })
  }
}

/** A server that refuses its user is not away, and waiting does not help. */
function refused({ shown }: RedisAddress, reason: string, cause: unknown): TaskyardError {
  return new TaskyardError('invalid_configuration', { reason: `${shown} refuses the user: ${reason}` }, { cause })
}

// A client whose database the server refuses would go on in database 0.
async function connected(client: Client, { db }: RedisAddress): Promise<void> {
  await client.connect()
  if (db === 0) return
  await client.select(db).catch((error) => {
    throw /DB index|SELECT is not allowed/.test(messageOf(error)) ? noDatabase(db, error) : error
  })
}

function noDatabase(db: number, error: unknown): TaskyardError {
  return wrongUrl(`the server has no database ${db}: ${messageOf(error)}`)
}

function singleClient(address: RedisAddress): Redis {
  const { host, port, db, sentinel } = address
  const options = { ...CALLS, ...credentials(address), db }
  if (sentinel === null) return new Redis({ ...options, host, port })
  return new Redis({
    ...options,
    sentinels: [{ host, port }],
    name: sentinel,
    sentinelRetryStrategy: () => LONGEST_RECONNECT_MS,
  })
}

function clusterClient(address: RedisAddress): Cluster {
  const { lazyConnect: _, retryStrategy: __, enableOfflineQueue: ___, ...perNode } = CALLS
  const options = {
    lazyConnect: true,
    enableOfflineQueue: false,
    // Waits for a slot that moves; a command whose connection broke is not sent again.
    retryDelayOnFailover: 0,
    clusterRetryStrategy: (times: number) => Math.min(times * 50, LONGEST_RECONNECT_MS),
    redisOptions: { ...perNode, ...credentials(address) },
  } satisfies ClusterOptions
  return new Cluster([{ host: address.host, port: address.port }], options)
}

function credentials({ username, password, tls }: RedisAddress) {
  return {
    ...(username === null ? {} : { username }),
    ...(password === null ? {} : { password }),
    ...(tls ? { tls: {} } : {}),
  }
}

async function within<Value>(ms: number, clock: Clock, promise: Promise<Value>): Promise<Value> {
  let cancel = () => {}
  const late = new Promise<never>((_, reject) => {
    cancel = clock.after(ms, () => reject(new Error(`no connection within ${ms} ms`)))
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    cancel()
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error)
}

/** An answer of a script: texts, numbers and lists of them. */
export type Reply = string | number | null | readonly Reply[]

/** Runs scripts on the store's keys. */
export type RunScript = (script: Script, args: readonly (string | number)[]) => Promise<Reply>

/**
 * @param onResent a script went a second time, so that calls sent behind it were carried out before it
 * @throws TaskyardError from the runner it gives
 */
export function scriptRunner(client: Client, prefix: string, onResent: () => void = () => {}): RunScript {
  const key = `{${prefix}}:meta`
  const send = (name: string, code: string, args: readonly (string | number)[]) => {
    const command = new Command(name, [code, '1', key, ...(args as string[])], { replyEncoding: 'utf8' })
    client.sendCommand(command)
    return command.promise as Promise<Reply>
  }
  return async (script, args) => {
    try {
      return await send('evalsha', script.sha, args).catch((error) => {
        // Nothing was run: the server has started anew, or another one took over.
        if (messageOf(error).startsWith('NOSCRIPT')) return send('eval', script.text, args).finally(onResent)
        throw error
      })
    } catch (error) {
      throw toStoreError(error)
    }
  }
}
