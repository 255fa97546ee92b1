/** A call that takes longer has met a server that hangs. Milliseconds. */
export const CALL_TIMEOUT_MS = 10_000

/**
 * Limits that the server itself keeps: what a process has locked that stands still is soon free again, and statements that it
 * has hung up on end. A call of ours is given up before its statement is. Milliseconds.
 */
const IDLE_LIMIT = { idle_in_transaction_session_timeout: 5_000 }
const CALL_LIMITS = { ...IDLE_LIMIT, statement_timeout: CALL_TIMEOUT_MS + 2_000 }

/** For transactions that nobody waits for: their statements may take their time. */
export const LIMIT_IDLE = limiting(IDLE_LIMIT, true)
/** For transactions of calls. */
export const LIMIT_TRANSACTION = limiting(CALL_LIMITS, true)
/** For sessions of calls; what is added is a condition more. */
export const LIMIT_SESSION = limiting(CALL_LIMITS, false)

/** Sets limits where the user's own are not closer, for the session or (`isLocal`) the transaction. */
function limiting(limits: Readonly<Record<string, number>>, isLocal: boolean): string {
  const closest = Object.entries(limits).map(([name, ms]) => `('${name}', '${ms}ms')`)
  return `SELECT set_config(name, closest, ${isLocal}) FROM (VALUES ${closest.join(', ')}) AS l (name, closest)
    WHERE current_setting(name)::interval NOT BETWEEN '1ms' AND closest::interval`
}
