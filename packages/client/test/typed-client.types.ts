import { Client, type TaskyardApi } from '@taskyard/client'
import type { LeasedTaskDocument } from '@taskyard/core'

// Not run, only checked: an expected error that does not come fails the type check.

const handlers = {
  email: async (task: LeasedTaskDocument<{ to: string; subject?: string }>) => ({ messageId: `${task.id}@host` }),
  count: (task: LeasedTaskDocument<number>) => task.payload + 1,
}

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
  } else {
    const to: string = any.payload.to
    void to
  }
  void [messageId, type, counted]
}

export async function untypedClient(client: Client): Promise<void> {
  const task = await client.submit('anything', { at: 'all' }, { tags: ['a'] })
  const { result } = await client.wait(task.id)
  result.whatever
}

export async function eitherTaskyard(yard: TaskyardApi<typeof handlers>): Promise<string | undefined> {
  await using worker = yard.work(handlers, { queues: ['mail'] })
  const task = await yard.submit('email', { to: 'ada@example.com' })
  void worker
  return (await yard.wait(task)).result?.messageId
}

export const typed: TaskyardApi<typeof handlers> = new Client<typeof handlers>({ url: 'http://127.0.0.1:8080' })
