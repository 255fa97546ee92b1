import {
  type ClaimParams,
  isLeaseRef,
  type LeasedTask,
  type Settlement,
  type SettleParams,
  type SettleReport,
} from '@taskyard/core'
import { unlessRaced } from '../database.ts'
import type { Parts } from '../parts.ts'
import { STATEMENT_SIZE } from '../parts-by-size.ts'
import { isDuplicate, mayHaveChanged } from '../postgres-errors.ts'
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
export async function settle(
  parts: Parts,
  claims: Claims,
  { settlements, claim }: SettleParams,
): Promise<SettleReport> {
  const results: Results = settlements.map((settlement) => (isLeaseRef(settlement) ? undefined : LOST))
  const valid: readonly Indexed<Settlement>[] = [...settlements.entries()].filter(([i]) => results[i] === undefined)
  const tasks = isPlain(valid)
    ? await settleSuccesses(parts, claims, oncePerLease(valid), claim, results)
    : await settleAll(parts, claims, valid, claim, results)
  const unknown = [...settlements.entries()].filter(([i]) => results[i] === undefined)
  if (unknown.length > 0) await findRepeated(parts, unknown, results).catch(mayHaveChanged)
  return { results: results.map((result) => result ?? LOST), tasks }
}

function isPlain(settlements: readonly Indexed<Settlement>[]): settlements is readonly Indexed<Succeeded>[] {
  let size = 0
  for (const [, settlement] of settlements) {
    if (settlement.outcome !== 'succeeded') return false
    size += settlement.result?.length ?? 0
  }
  return size <= STATEMENT_SIZE
}

/** Whoever settles the same leases at the same moment may be quicker: then there is nothing left of them. */
async function settleSuccesses(
  parts: Parts,
  claims: Claims,
  succeeded: readonly Indexed<Succeeded>[],
  claim: ClaimParams | null,
  results: Results,
): Promise<readonly LeasedTask[]> {
  if (succeeded.length === 0) return claim === null ? [] : claims.claim(claim)
  return unlessRaced(async () => {
    const statement = settleStatement(parts.time.params(), succeeded)
    const { before, tasks } =
      claim === null
        ? { before: await parts.database.run(statement.text, statement.values), tasks: [] }
        : await claims.claimAfter(statement, claim)
    await takeSettled(parts, succeeded, before, results)
    return tasks
  }, isDuplicate)
}

async function settleAll(
  parts: Parts,
  claims: Claims,
  settlements: readonly Indexed<Settlement>[],
  claim: ClaimParams | null,
  results: Results,
): Promise<readonly LeasedTask[]> {
  await settleInTransaction(parts, settlements, results)
  if (claim === null) return []
  // A claim with a name is asked again, as the settlement may be. The worker of any other must hear what was settled; it
  // will ask again for tasks, and meet what is wrong then.
  return claims.claim(claim).catch(claim.requestId === null ? () => [] : mayHaveChanged)
}
