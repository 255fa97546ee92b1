import type { MessagePort } from 'node:worker_threads'
import type { ExtendStatus, LeaseExtender } from '@taskyard/core'
import { createThreadCalls } from './thread-calls.ts'
import type { RepliesMessage } from './thread-protocol.ts'

/** Reaches the store's thread from another one, past a blocked main thread. */
export function openLeaseExtender(data: { readonly port: MessagePort }): LeaseExtender {
  const { port } = data
  const calls = createThreadCalls(port)
  port.on('message', ({ replies }: RepliesMessage) => calls.settle(replies))
  port.on('close', () => calls.fail('the store is closed'))
  return {
    extend: async (params) => (await calls.call('extend', params, null)) as ExtendStatus[],
    async close() {
      port.close()
    },
  }
}
