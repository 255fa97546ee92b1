/** One way to lay tasks out in PostgreSQL, with the three statements that everything hot consists of. */
export interface Layout {
  readonly name: string
  readonly schema: string
  /** `$1` ids, `$2` payload. */
  readonly submit: string
  /** `$1` how many; gives id and payload. */
  readonly claim: string
  /** `$1` ids. */
  readonly settle: string
}

const columns =
  'id uuid PRIMARY KEY, lane integer NOT NULL, priority smallint NOT NULL, created_at bigint NOT NULL, payload text NOT NULL'
const state =
  'status smallint NOT NULL, attempt smallint NOT NULL, token integer NOT NULL, worker text, started_at bigint, expires_at bigint, finished_at bigint, result text'
const now = '(extract(epoch FROM clock_timestamp()) * 1000)::bigint'
const newTasks = `SELECT id, 1, 0, ${now}, $2 FROM unnest($1::uuid[]) AS i (id)`

/** The task is one row, rewritten by every claim and every settlement. */
const oneTable: Layout = {
  name: 'one table, partial index',
  schema: `CREATE TABLE tasks (${columns}, ${state}) WITH (fillfactor = 70);
    CREATE INDEX tasks_ready ON tasks (lane, priority DESC, created_at, id) WHERE status = 0;`,
  submit: `INSERT INTO tasks (id, lane, priority, created_at, payload, status, attempt, token)
    SELECT *, 0, 0, 0 FROM (${newTasks}) AS n`,
  claim: `UPDATE tasks SET status = 1, attempt = attempt + 1, token = token + 1, worker = 'worker-1', started_at = ${now}, expires_at = ${now} + 30000
    WHERE id = ANY (ARRAY(
      SELECT id FROM tasks WHERE lane = 1 AND status = 0 ORDER BY priority DESC, created_at, id LIMIT $1 FOR UPDATE SKIP LOCKED
    )) RETURNING id, payload`,
  settle: `UPDATE tasks SET status = 2, finished_at = ${now}, result = '{"ok":true}' WHERE id = ANY ($1::uuid[]) AND token = 1 AND status = 1`,
}

const ready = `CREATE TABLE ready (id uuid PRIMARY KEY, lane integer NOT NULL, priority smallint NOT NULL, ready_at bigint NOT NULL, attempt smallint NOT NULL, token integer NOT NULL);
  CREATE INDEX ready_in_order ON ready (lane, priority DESC, ready_at, id);`
const takeReady = `DELETE FROM ready WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM ready WHERE lane = 1 ORDER BY priority DESC, ready_at, id LIMIT $1 FOR UPDATE SKIP LOCKED
  )) RETURNING *`
const makeReady = 'INSERT INTO ready SELECT id, lane, priority, created_at, 0, 0 FROM stored'

/** Immutable tasks; narrow tables of what is ready and what runs; ends are appended. */
const narrowTables: Layout = {
  name: 'immutable tasks, narrow ready and running, appended ends',
  schema: `CREATE TABLE tasks (${columns}); ${ready}
    CREATE TABLE leases (id uuid PRIMARY KEY, lane integer NOT NULL, attempt smallint NOT NULL, token integer NOT NULL, worker text, ready_at bigint, started_at bigint, expires_at bigint);
    CREATE TABLE finished (id uuid NOT NULL, lane integer NOT NULL, status smallint NOT NULL, attempt smallint NOT NULL, token integer NOT NULL, worker text, started_at bigint, finished_at bigint, result text, PRIMARY KEY (lane, status, id));`,
  submit: `WITH stored AS (INSERT INTO tasks ${newTasks} RETURNING *) ${makeReady}`,
  claim: `WITH taken AS (${takeReady}), leased AS (
      INSERT INTO leases SELECT id, lane, attempt + 1, token + 1, 'worker-1', ready_at, ${now}, ${now} + 30000 FROM taken
    ) SELECT t.id, t.payload FROM taken JOIN tasks t USING (id)`,
  settle: `WITH ended AS (DELETE FROM leases WHERE id = ANY ($1::uuid[]) AND token = 1 RETURNING *)
    INSERT INTO finished SELECT id, lane, 1, attempt, token, worker, started_at, ${now}, '{"ok":true}' FROM ended`,
}

/** One table for tasks and their state, a narrow one for what is ready. */
const narrowReady: Layout = {
  name: 'one table, narrow ready',
  schema: `CREATE TABLE tasks (${columns}, ${state}) WITH (fillfactor = 70); ${ready}`,
  submit: `WITH stored AS (
      INSERT INTO tasks (id, lane, priority, created_at, payload, status, attempt, token)
      SELECT *, 0, 0, 0 FROM (${newTasks}) AS n RETURNING *
    ) ${makeReady}`,
  claim: `WITH taken AS (${takeReady})
    UPDATE tasks t SET status = 1, attempt = t.attempt + 1, token = t.token + 1, worker = 'worker-1', started_at = ${now}, expires_at = ${now} + 30000
    FROM taken WHERE t.id = taken.id RETURNING t.id, t.payload`,
  settle: oneTable.settle,
}

export const layouts: readonly Layout[] = [oneTable, narrowTables, narrowReady]
