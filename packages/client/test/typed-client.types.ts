import { Client, isReason, type TaskWaiting, type TaskyardApi, type WaitingCode } from '@taskyard/client'
import type { LeasedTaskDocument, TaskDocument, TaskError, TaskHandler, TaskHandlers } from '@taskyard/core'

// Not run, only checked: an expected error that does not come fails the type check.

const handlers = {
  email: async (task: LeasedTaskDocument<{ to: string; subject?: string }>) => ({ messageId: `${task.id}@host` }),
  count: (task: LeasedTaskDocument<number>) => task.payload + 1,
  find: (task: LeasedTaskDocument<string>): { id: string } | null =>
    task.payload === '' ? null : { id: task.payload },
  clean: (_: LeasedTaskDocument<null>) => {},
}

/** Compiles only when both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<A, B>(_: Same<A, B>): void {}

export async function typedClient(client: Client<typeof handlers>): Promise<void> {
  const submitted = await client.submit('email', { to: 'ada@example.com' })
  const finished = await client.wait(submitted)
  const messageId: string | undefined = finished.result?.messageId
  const type: 'email' = finished.type
  const counted: number | null = (await client.wait(await client.submit('count', 1))).result

  // @ts-expect-error there is no such type
  await client.submit('emial', { to: 'ada@example.com' })
  // @ts-expect-error the payload lacks `to`
  await client.submit('email', { subject: 'Hello' })
  // @ts-expect-error a number is no text
  await client.submit('email', { to: 1 })
  // @ts-expect-error the payload of the other type
  await client.submit('count', { to: 'ada@example.com' })
  // @ts-expect-error no such option
  await client.submit('count', 1, { delay: 5 })
  // @ts-expect-error the result has no such field
  finished.result?.message

  const [first] = await client.submitMany([
    { type: 'email', payload: { to: 'ada@example.com' }, priority: 1 },
    { type: 'count', payload: 1 },
  ])
  if (first !== undefined) await client.wait(first)
  // @ts-expect-error the payload of the other type
  await client.submitMany([{ type: 'count', payload: { to: 'ada@example.com' } }])

  const any = await client.get(submitted.id)
  if (any.type === 'count') {
    const result: number | null = any.result
    void result
  } else if (any.type === 'email') {
    const to: string = any.payload.to
    void to
  }
  void [messageId, type, counted]
}

export async function statusesNarrow(yard: TaskyardApi<typeof handlers>): Promise<void> {
  const email = await yard.wait(await yard.submit('email', { to: 'ada@example.com' }))
  // @ts-expect-error it may not have succeeded
  email.result.messageId
  // @ts-expect-error it may not have failed
  email.error.message
  if (email.status === 'succeeded') {
    same<typeof email.result, { messageId: string }>(true)
    same<typeof email.error, null>(true)
  } else {
    same<typeof email.result, null>(true)
  }
  if (email.status === 'failed') same<typeof email.error, TaskError>(true)
  const { status, result } = email
  if (status === 'succeeded') same<typeof result, { messageId: string }>(true)

  const found = await yard.wait(await yard.submit('find', 'x'))
  if (found.status === 'succeeded') same<typeof found.result, { id: string } | null>(true)
  const cleaned = await yard.wait(await yard.submit('clean', null))
  if (cleaned.status === 'succeeded') same<typeof cleaned.result, null>(true)

  const some = await yard.get(email.id)
  if (some.type === 'count' && some.status === 'succeeded') same<typeof some.result, number>(true)
  if (some.status === 'failed') same<typeof some.error, TaskError>(true)
  for (const task of (await yard.list()).items) {
    if (task.status === 'succeeded' && task.type === 'email') same<typeof task.result, { messageId: string }>(true)
  }
  // One that is known to wait now may have ended once it was waited for.
  const waiting = await yard.submit('count', 1)
  if (waiting.status === 'queued') {
    const ended = await yard.wait(waiting)
    if (ended.status === 'succeeded') same<typeof ended.result, number>(true)
  }
}

export async function resultsAreTyped(yard: TaskyardApi<typeof handlers>): Promise<void> {
  const email = await yard.submitAndWait('email', { to: 'ada@example.com' }, { priority: 1, waitSeconds: 5 })
  same<typeof email, { messageId: string }>(true)
  const submitted = await yard.submit('count', 1)
  const count = await yard.result(submitted, { timeoutSeconds: 5 })
  same<typeof count, number>(true)
  const any = await yard.result(submitted.id)
  same<typeof any, { messageId: string } | number | { id: string } | null>(true)
  const nothing = await yard.submitAndWait('clean', null)
  same<typeof nothing, null>(true)
  // @ts-expect-error the payload of the other type
  await yard.submitAndWait('count', { to: 'ada@example.com' })
  // @ts-expect-error it could never be waited for before the transaction is committed
  await yard.submitAndWait('count', 1, { tx: {} })
}

export function documentsOfAnyTask(task: TaskDocument): string {
  switch (task.status) {
    case 'succeeded':
      return JSON.stringify(task.result)
    case 'failed':
      return task.error.message
    default:
      return task.status
  }
}

export async function handlersAreChecked(yard: TaskyardApi<typeof handlers>): Promise<void> {
  yard.work(handlers)
  yard.work({ count: (task) => task.payload * 2 })
  yard.work({ email: async (task, { token }) => ({ messageId: `${task.payload.to}/${token}` }) })
  // @ts-expect-error there is no such type
  yard.work({ emial: () => ({ messageId: 'x' }) })
  // @ts-expect-error there is no such type beside one that there is
  yard.work({ count: (task) => task.payload, emial: () => 1 })
  // @ts-expect-error the result of email has a messageId
  yard.work({ email: () => ({ message: 'x' }) })
  const ofTexts: TaskHandler<string, number> = (task) => task.payload.length
  // @ts-expect-error the payload of count is a number
  yard.work({ count: ofTexts })
}

const withDefaults = {
  email: { run: handlers.email, maxAttempts: 5, timeoutSeconds: 60 },
  count: { run: (task: LeasedTaskDocument<number>) => task.payload + 1, backoff: { kind: 'fixed' } },
  clean: handlers.clean,
} satisfies TaskHandlers

export async function handlersWithDefaults(yard: TaskyardApi<typeof withDefaults>): Promise<void> {
  const email = await yard.wait(await yard.submit('email', { to: 'ada@example.com' }))
  if (email.status === 'succeeded') same<typeof email.result, { messageId: string }>(true)
  // @ts-expect-error the payload of email has an address
  await yard.submit('email', { subject: 'x' })
  await yard.submit('clean', null)
  yard.work(withDefaults)
  yard.work(handlers)
  yard.work({ count: { run: (task) => task.payload * 2, maxAttempts: 3 } })
  // @ts-expect-error the result of email has a messageId
  yard.work({ email: { run: () => ({ message: 'x' }) } })
  // @ts-expect-error a misspelt option
  yard.work({ count: { run: (task) => task.payload, maxAttemps: 3 } })
  // @ts-expect-error no function
  yard.work({ count: { maxAttempts: 3 } })
}

export async function untypedClient(client: Client): Promise<void> {
  const task = await client.submit('anything', { at: 'all' }, { tags: ['a'] })
  const { result } = await client.wait(task.id)
  result.whatever
  client.work({ anything: (task) => task.payload.at, other: { run: (task) => task.payload.at, maxAttempts: 3 } })
}

export async function eitherTaskyard(yard: TaskyardApi<typeof handlers>): Promise<string | undefined> {
  await using worker = yard.work(handlers, { queues: ['mail'] })
  const task = await yard.submit('email', { to: 'ada@example.com' })
  void worker
  return (await yard.wait(task)).result?.messageId
}

export const typed: TaskyardApi<typeof handlers> = new Client<typeof handlers>({ url: 'http://127.0.0.1:8080' })

export function waitingReasons({ reasons }: TaskWaiting): void {
  for (const reason of reasons) {
    // Later versions may have other codes, whose message says all.
    if (reason.code === 'of_a_later_version') same<typeof reason.message, string>(true)
    if (reason.code === 'backing_off') same<typeof reason.dueAt, string | undefined>(true)
    if (isReason(reason, 'backing_off')) same<typeof reason.dueAt, string>(true)
    // @ts-expect-error it is no fact of this code
    if (isReason(reason, 'due_later')) void reason.attempt
    // @ts-expect-error there is no such code
    if (isReason(reason, 'backing-off')) void reason
    const known: WaitingCode = 'backing_off'
    // @ts-expect-error no switch over the known codes is complete
    const code: WaitingCode = reason.code
    void [known, code]
  }
}
