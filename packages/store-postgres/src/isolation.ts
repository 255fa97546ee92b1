/**
 * How every transaction of ours begins, whatever the default of the database or the role is: functions of the schema count on
 * each of their steps seeing what was committed before it, and a migration on seeing what it has waited for.
 */
export const BEGIN = 'BEGIN ISOLATION LEVEL READ COMMITTED'

/** The level at which statements outside of transactions run. */
export const OWN_LEVEL = `current_setting('default_transaction_isolation')`
export const READ_COMMITTED = 'read committed'

/** Sets it for a session of our own; what is added is a condition. */
export const SET_OWN_LEVEL = `SELECT set_config('default_transaction_isolation', '${READ_COMMITTED}', false)`
