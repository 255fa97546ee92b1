import type { ClaimParams, LeasedTask, OpenedStore } from '@taskyard/core'
import { claimOf } from './test-bed.ts'

/** A claim with a name, which may be made again. */
export const named = (requestId: string) => ({ ...claimOf('worker-1'), requestId })

/** A store whose claims may be held up, or lose their answers, or fail. */
export function around(claim: (params: ClaimParams, store: OpenedStore) => Promise<readonly LeasedTask[]>) {
  return (store: OpenedStore): OpenedStore => ({
    ...store,
    tasks: { ...store.tasks, claim: (params) => claim(params, store) },
  })
}

/** A gate that holds up whoever comes until it is opened. */
export function gate() {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}
