import { isLeaseRef, type TakeBackCrashesParams } from '@taskyard/core'
import type { Database } from '../database.ts'

/** The port's `takeBackCrashes`. A token is pulled once, so that a repeated call changes nothing. */
export async function takeBackCrashes(
  { tasks }: Database,
  { namespace, leases }: TakeBackCrashesParams,
): Promise<void> {
  const operations = leases.filter(isLeaseRef).map(({ taskId, token }) => {
    const filter = { _id: taskId, namespace, loneLeases: token, loneCrashes: { $gt: 0 } }
    return { updateOne: { filter, update: { $pull: { loneLeases: token }, $inc: { loneCrashes: -1 } } } }
  })
  if (operations.length > 0) await tasks.bulkWrite(operations, { ordered: false })
}
