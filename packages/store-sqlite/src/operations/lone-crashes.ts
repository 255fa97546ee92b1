import type { TakeBackCrashesParams } from '@taskyard/core'
import { row1, type State } from '../state.ts'

/** How many crashes count against a task. */
export function loneCrashesOf(state: State, seq: number): number {
  return row1<[number]>(state.sql('SELECT crashes FROM lone_crashes WHERE seq = ?'), seq)?.[0] ?? 0
}

/** Counts the end of a lease against its task. */
export function addLoneCrash(state: State, { seq, token }: { readonly seq: number; readonly token: number }): void {
  state
    .sql(
      `INSERT INTO lone_crashes (seq, crashes, tokens) VALUES (?1, 1, json_array(?2))
       ON CONFLICT (seq) DO UPDATE SET crashes = crashes + 1, tokens = json_insert(tokens, '$[#]', ?2)`,
    )
    .run(seq, token)
}

/** The port's `takeBackCrashes`. A token is taken off once, so that a repeated call changes nothing. */
export function takeBackCrashes(state: State, { namespace, leases }: TakeBackCrashesParams): void {
  const takeBack = state.sql(
    `UPDATE lone_crashes SET crashes = crashes - 1,
       tokens = (SELECT json_group_array(value) FROM json_each(tokens) WHERE value <> ?2)
     WHERE seq = (SELECT seq FROM tasks JOIN lanes USING (lane) WHERE id = ?1 AND namespace = ?3) AND EXISTS (SELECT 1 FROM json_each(tokens) WHERE value = ?2)`,
  )
  for (const { taskId, token } of leases) takeBack.run(taskId, token, namespace)
}
