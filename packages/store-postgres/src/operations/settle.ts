import { isLeaseRef, type LeasedTask, type Settlement, type SettleParams, type SettleReport } from '@taskyard/core'
import { retryLostRaces } from '../database.ts'
import { STATEMENT_SIZE } from '../parts-by-size.ts'
import { isDuplicate, isForeign, mayHaveChanged } from '../postgres-errors.ts'
import type { StoreContext } from '../store-context.ts'
import type { Claims } from './claim.ts'
import { findRepeated, LOST } from './repeated-settlements.ts'
import { settleInTransaction } from './settle-in-transaction.ts'
import {
  type Indexed,
  oncePerLease,
  type Results,
  type Succeeded,
  settleStatement,
  takeSettled,
} from './settle-succeeded.ts'

/**
 * Successes are one statement, and the claim beside them travels in the same round trip. Anything else, the rare case, is
 * decided here and written in one transaction, with the successes beside it; the claim follows.
 */
export async function settle(context: StoreContext, claims: Claims, params: SettleParams): Promise<SettleReport> {
  const { namespace, settlements } = params
  const results: Results = settlements.map((settlement) => (isLeaseRef(settlement) ? undefined : LOST))
  const valid: readonly Indexed<Settlement>[] = [...settlements.entries()].filter(([i]) => results[i] === undefined)
  const tasks = needsNoCheck(valid)
    ? await settleSuccesses(context, claims, params, valid, results)
    : await settleAll(context, claims, params, valid, results)
  const unknown = [...settlements.entries()].filter(([i]) => results[i] === undefined)
  if (unknown.length > 0) await findRepeated(context, namespace, unknown, results).catch(mayHaveChanged)
  return { results: results.map((result) => result ?? LOST), tasks }
}

function needsNoCheck(settlements: readonly Indexed<Settlement>[]): settlements is readonly Indexed<Succeeded>[] {
  let size = 0
  for (const [, settlement] of settlements) {
    if (settlement.outcome !== 'succeeded') return false
    size += settlement.result?.length ?? 0
  }
  return size <= STATEMENT_SIZE
}

/**
 * Whoever settles the same leases at the same moment may be quicker: then there is nothing left of them. Where one is of another
 * namespace, the others are settled without it.
 */
async function settleSuccesses(
  context: StoreContext,
  claims: Claims,
  params: SettleParams,
  named: readonly Indexed<Succeeded>[],
  results: Results,
): Promise<readonly LeasedTask[]> {
  const { namespace, claim } = params
  const succeeded = oncePerLease(named)
  if (succeeded.length === 0) return claim === null ? [] : claims.claim(claim)
  const settling = async () => {
    const statement = settleStatement(context.time.params(), namespace, succeeded)
    const { before, tasks } =
      claim === null
        ? { before: await context.database.run(statement.text, statement.values), tasks: [] }
        : await claims.runAndClaim(statement, claim)
    await takeSettled(context, succeeded, before, results)
    return tasks
  }
  try {
    return await retryLostRaces(settling, isDuplicate)
  } catch (error) {
    if (isForeign(error)) return settleAll(context, claims, params, named, results)
    throw error
  }
}

async function settleAll(
  context: StoreContext,
  claims: Claims,
  { namespace, claim }: SettleParams,
  settlements: readonly Indexed<Settlement>[],
  results: Results,
): Promise<readonly LeasedTask[]> {
  await settleInTransaction(context, namespace, settlements, results)
  if (claim === null) return []
  // A claim with a name is asked again, as the settlement may be. The worker of any other must hear what was settled; it
  // will ask again for tasks, and meet what is wrong then.
  return claims.claim(claim).catch(claim.requestId === null ? () => [] : mayHaveChanged)
}
