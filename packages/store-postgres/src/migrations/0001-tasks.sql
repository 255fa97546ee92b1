-- A task's immutable part is written once; its state moves between narrow tables, so that a claim or a settlement never
-- rewrites a payload: scheduled -> ready -> leases -> finished. What is kept for long (tasks, finished, history, tags) is
-- partitioned by id: a UUIDv7 begins with its time, so a partition is a slot of time and can be dropped whole.
-- Times are milliseconds since the Unix epoch, by this server's clock.

-- Interned (namespace, queue, type): ready tasks are found per lane, so a lane nobody claims slows no other.
CREATE TABLE lanes (
  lane integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  namespace text COLLATE "C" NOT NULL,
  queue text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL,
  UNIQUE (namespace, queue, type)
);

CREATE TABLE paused_queues (
  namespace text COLLATE "C" NOT NULL,
  queue text COLLATE "C" NOT NULL,
  PRIMARY KEY (namespace, queue)
);

CREATE TABLE tasks (
  id uuid PRIMARY KEY,
  created_at bigint NOT NULL,
  run_at bigint, -- NULL: at once
  timeout_seconds double precision, -- NULL: no bound
  lane integer NOT NULL,
  priority smallint NOT NULL,
  max_attempts smallint NOT NULL,
  backoff text, -- JSON; NULL: the default
  tags text, -- JSON; NULL: none
  idempotency_key text,
  payload text NOT NULL
) PARTITION BY RANGE (id);

-- How a task ended. One row per task: a retry removes it.
CREATE TABLE finished (
  id uuid NOT NULL,
  started_at bigint,
  finished_at bigint NOT NULL,
  lane integer NOT NULL,
  token integer NOT NULL,
  bytes integer NOT NULL,
  status smallint NOT NULL, -- 1 succeeded, 2 failed, 3 cancelled
  attempt smallint NOT NULL,
  crashes smallint NOT NULL,
  worker_id text,
  result text,
  error text, -- JSON
  progress text,
  PRIMARY KEY (lane, status, id)
) PARTITION BY RANGE (id);

CREATE TABLE history (
  id uuid NOT NULL,
  n integer NOT NULL,
  attempt smallint NOT NULL,
  at bigint NOT NULL,
  started_at bigint,
  token integer NOT NULL,
  kind text NOT NULL,
  worker_id text,
  data text, -- JSON
  PRIMARY KEY (id, n)
) PARTITION BY RANGE (id);

CREATE TABLE task_tags (
  namespace text COLLATE "C" NOT NULL,
  tag text COLLATE "C" NOT NULL,
  id uuid NOT NULL,
  PRIMARY KEY (namespace, tag, id)
) PARTITION BY RANGE (id);

-- Everything outside the slots, such as what outlives its own slot.
CREATE TABLE tasks_kept PARTITION OF tasks DEFAULT;
CREATE TABLE finished_kept PARTITION OF finished DEFAULT;
CREATE TABLE history_kept PARTITION OF history DEFAULT;
CREATE TABLE task_tags_kept PARTITION OF task_tags DEFAULT;

CREATE TABLE slots (
  slot integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  from_at bigint NOT NULL, -- times of its ids, the second exclusive
  to_at bigint NOT NULL
);

-- Order of submission: it decides between tasks that became ready in the same millisecond. A call takes one number and
-- counts its tasks beside it.
CREATE SEQUENCE submissions;

CREATE TABLE ready (
  id uuid PRIMARY KEY,
  ready_at bigint NOT NULL,
  seq bigint NOT NULL,
  lane integer NOT NULL,
  token integer NOT NULL,
  bytes integer NOT NULL, -- of the payload: a claim is bounded by them
  timeout_ms bigint, -- NULL: no bound
  rank smallint NOT NULL, -- the priority, negated: claims go up in rank
  attempt smallint NOT NULL,
  crashes smallint NOT NULL
);
CREATE INDEX ready_in_order ON ready (lane, rank, ready_at, seq);

CREATE TABLE scheduled (
  id uuid PRIMARY KEY,
  run_at bigint NOT NULL,
  seq bigint NOT NULL,
  lane integer NOT NULL,
  token integer NOT NULL,
  attempt smallint NOT NULL,
  crashes smallint NOT NULL
);
CREATE INDEX scheduled_by_time ON scheduled (run_at);

CREATE TABLE leases (
  id uuid PRIMARY KEY,
  due_at bigint NOT NULL, -- the earlier of its end and its task's deadline: when a sweep must look at it
  expires_at bigint NOT NULL,
  deadline_at bigint,
  ready_at bigint NOT NULL,
  started_at bigint NOT NULL,
  cancel_requested_at bigint,
  seq bigint NOT NULL,
  lane integer NOT NULL,
  token integer NOT NULL,
  bytes integer NOT NULL, -- of the payload, for retention
  records integer NOT NULL, -- history lines of this attempt, for their bound
  priority smallint NOT NULL,
  attempt smallint NOT NULL,
  crashes smallint NOT NULL,
  session boolean NOT NULL,
  worker_id text NOT NULL,
  node_id text,
  progress text
);
CREATE INDEX leases_by_time ON leases (due_at);
CREATE INDEX leases_to_cancel ON leases (cancel_requested_at) WHERE cancel_requested_at IS NOT NULL;

CREATE TABLE idempotency (
  namespace text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  task_id uuid NOT NULL,
  fingerprint text NOT NULL,
  expires_at bigint NOT NULL,
  PRIMARY KEY (namespace, key)
);
CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);

-- How many tasks of each status a lane has: a base, and what every transaction since has added, so that no two
-- transactions wait for each other. A sweep folds the one into the other.
CREATE TABLE counters (
  lane integer PRIMARY KEY,
  scheduled bigint NOT NULL,
  queued bigint NOT NULL,
  running bigint NOT NULL,
  succeeded bigint NOT NULL,
  failed bigint NOT NULL,
  cancelled bigint NOT NULL,
  finished_total bigint NOT NULL,
  finished_bytes bigint NOT NULL
);
CREATE TABLE counter_changes (
  lane integer NOT NULL,
  scheduled integer NOT NULL DEFAULT 0,
  queued integer NOT NULL DEFAULT 0,
  running integer NOT NULL DEFAULT 0,
  succeeded integer NOT NULL DEFAULT 0,
  failed integer NOT NULL DEFAULT 0,
  cancelled integer NOT NULL DEFAULT 0,
  finished_total integer NOT NULL DEFAULT 0,
  finished_bytes bigint NOT NULL DEFAULT 0
);

-- Server processes that live, and the workers they answer for.
CREATE UNLOGGED TABLE nodes (
  node_id text PRIMARY KEY,
  worker_ids text[] NOT NULL,
  until bigint NOT NULL
);

-- One row: how far the ids of submitting machines have been from this server's clock, which time filters allow for.
CREATE TABLE id_skew (max_ms bigint NOT NULL);
INSERT INTO id_skew VALUES (2000);

-- Rows of these live for seconds: what is dead must go soon, or every claim would walk over it.
ALTER TABLE ready SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE leases SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE scheduled SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE counter_changes SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0);

-- `LATERAL … OFFSET 0` below makes the planner look rows up by key, one for each of the other side: a plan is kept for as
-- long as its connection lives, and one that suited an empty table would be ruinous for a full one.

-- The hot operations are functions: one statement each, planned once per connection and always by index, whatever the
-- statistics say in the moment, and fast also behind a pooler that allows no prepared statements. Arrays that hold
-- nothing but defaults may come empty. `p_now` replaces this server's clock, in tests; it never gives a time before
-- `p_at_least`, the latest that the caller has seen.

CREATE FUNCTION server_now(p_now bigint, p_at_least bigint) RETURNS bigint LANGUAGE sql VOLATILE AS $$
  SELECT coalesce(p_now, greatest(p_at_least, (extract(epoch FROM clock_timestamp()) * 1000)::bigint))
$$;

-- Fails when an id is there already: the same call came again.
CREATE FUNCTION submit_tasks(
  p_now bigint, p_at_least bigint, p_ids uuid[], p_lanes integer[], p_payloads text, p_priorities smallint[], p_run_ats bigint[],
  p_delays bigint[], p_max_attempts smallint[], p_timeouts double precision[], p_backoffs text[], p_tags text[], p_keys text[]
) RETURNS TABLE (now bigint)
LANGUAGE plpgsql
SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  v_now bigint := server_now(p_now, p_at_least);
  v_seq bigint := nextval('submissions') * 4096;
BEGIN
  RETURN QUERY
  WITH input AS (
    SELECT id, lane, payload, coalesce(priority, 0::smallint) AS priority, coalesce(max_attempts, 10::smallint) AS max_attempts,
      CASE WHEN timeout IS NULL THEN 3600 WHEN timeout < 0 THEN NULL ELSE timeout END AS timeout,
      nullif(backoff, '') AS backoff, nullif(tags, '') AS tags, nullif(key, '') AS key, n,
      greatest(v_now, coalesce(run_at, v_now + coalesce(delay, 0))) AS run_at
    FROM ROWS FROM (unnest(p_ids), unnest(p_lanes), unnest(string_to_array(p_payloads, E'\x1e')), unnest(p_priorities),
      unnest(p_run_ats), unnest(p_delays), unnest(p_max_attempts), unnest(p_timeouts), unnest(p_backoffs), unnest(p_tags),
      unnest(p_keys)) WITH ORDINALITY
      AS i (id, lane, payload, priority, run_at, delay, max_attempts, timeout, backoff, tags, key, n)
  ), stored AS (
    INSERT INTO tasks (id, created_at, run_at, timeout_seconds, lane, priority, max_attempts, backoff, tags, idempotency_key, payload)
    SELECT id, v_now, nullif(run_at, v_now), timeout, lane, priority, max_attempts, backoff, tags, key, payload FROM input
  ), made_ready AS (
    INSERT INTO ready (id, ready_at, seq, lane, token, bytes, timeout_ms, rank, attempt, crashes)
    SELECT id, v_now, v_seq + n, lane, 0, octet_length(payload), round(timeout * 1000)::bigint, -priority, 0, 0
    FROM input WHERE run_at = v_now
  ), made_scheduled AS (
    INSERT INTO scheduled (id, run_at, seq, lane, token, attempt, crashes)
    SELECT id, run_at, v_seq + n, lane, 0, 0, 0 FROM input WHERE run_at > v_now
  ), tagged AS (
    INSERT INTO task_tags (namespace, tag, id)
    SELECT DISTINCT l.namespace, g.tag, i.id FROM input i JOIN lanes l ON l.lane = i.lane, json_array_elements_text(i.tags::json) AS g (tag)
    WHERE i.tags IS NOT NULL
  ), counted AS (
    INSERT INTO counter_changes (lane, queued, scheduled)
    SELECT lane, count(*) FILTER (WHERE run_at = v_now), count(*) FILTER (WHERE run_at > v_now) FROM input GROUP BY lane
  )
  SELECT v_now;
END
$$;

-- Dead rows of claimed tasks stay in the index for as long as any transaction on the server might see them, and a claim
-- would walk over all of them. So a claimer says how far it has come: below a floor (lane, rank, ready_at, seq) there is
-- nothing left, as far as it knows. Floors come in order; without any, the claim looks from the start. Tasks that are due
-- are made ready first: a row without an id names a lane of such. One without either says that others were claiming here.
CREATE FUNCTION claim_tasks(
  p_now bigint, p_at_least bigint, p_namespace text, p_queues text[], p_types text[], p_limit integer, p_lease_ms bigint,
  p_max_bytes bigint, p_worker_id text, p_node_id text, p_session boolean,
  p_beside integer, p_floor_lanes integer[], p_floor_ranks smallint[], p_floor_ready_ats bigint[], p_floor_seqs bigint[]
) RETURNS TABLE (
  id uuid, lane integer, rank smallint, payload text, created_at bigint, max_attempts smallint,
  timeout_seconds double precision, backoff text, tags text, idempotency_key text, ready_at bigint, attempt smallint,
  crashes smallint, token integer, seq bigint, started_at bigint
)
LANGUAGE plpgsql
SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  v_now bigint := server_now(p_now, p_at_least);
  v_lanes integer[] := ARRAY(
    SELECT l.lane FROM lanes l
    WHERE l.namespace = p_namespace AND l.queue = ANY (p_queues) AND (p_types IS NULL OR l.type = ANY (p_types))
      AND NOT EXISTS (SELECT FROM paused_queues p WHERE p.namespace = l.namespace AND p.queue = l.queue)
  );
  v_left integer := p_limit;
  v_window integer;
  v_heads tid[];
  v_rows integer;
BEGIN
  IF EXISTS (SELECT FROM scheduled WHERE run_at <= v_now) THEN
    FOR lane IN SELECT d.lane FROM promote_due(v_now, 0) AS d LOOP RETURN NEXT; END LOOP;
  END IF;
  -- Heads are looked up first and locked then, so that no more rows are locked than are taken. There are enough of them
  -- for claims at the same moment of `p_beside` tasks; a second look goes on where others have taken those.
  FOREACH v_window IN ARRAY ARRAY[p_limit + p_beside, (p_limit + p_beside) * 8 + 1000] LOOP
  v_heads := ARRAY(
    SELECT h.at FROM (
      SELECT lane, rank, ready_at, seq, lead(rank, 1, 32767::smallint) OVER (PARTITION BY lane ORDER BY rank) AS next_rank
      FROM (
        SELECT lane, (-32768)::smallint AS rank, 0::bigint AS ready_at, 0::bigint AS seq FROM unnest(v_lanes) AS l (lane)
        UNION ALL
        SELECT f.lane, f.rank, f.ready_at, f.seq
        FROM ROWS FROM (unnest(p_floor_lanes), unnest(p_floor_ranks), unnest(p_floor_ready_ats), unnest(p_floor_seqs))
          AS f (lane, rank, ready_at, seq)
        WHERE f.lane = ANY (v_lanes)
      ) AS starts
    ) AS s CROSS JOIN LATERAL (
      SELECT r.ctid AS at, r.rank, r.ready_at, r.seq FROM ready r
      WHERE r.lane = s.lane AND (r.rank, r.ready_at, r.seq) > (s.rank, s.ready_at, s.seq) AND r.rank < s.next_rank
      ORDER BY r.rank, r.ready_at, r.seq LIMIT v_window
    ) h
    ORDER BY h.rank, h.ready_at, h.seq LIMIT v_window
  );
  EXIT WHEN v_heads = '{}';
  -- Payloads are joined last, so that no step copies them; without a sort the rows keep the order of their heads.
  RETURN QUERY
  WITH heads AS MATERIALIZED (
    SELECT r.ctid AS at, r.*, h.n FROM unnest(v_heads) WITH ORDINALITY AS h (at, n) JOIN ready r ON r.ctid = h.at
    WHERE r.lane = ANY (v_lanes) ORDER BY h.n LIMIT v_left FOR UPDATE OF r SKIP LOCKED
  ), chosen AS MATERIALIZED (
    SELECT * FROM (SELECT *, sum(bytes) OVER (ORDER BY n) - bytes AS bytes_before FROM heads) AS h WHERE bytes_before < p_max_bytes
  ), taken AS (
    DELETE FROM ready WHERE ctid = ANY (ARRAY(SELECT at FROM chosen))
  ), leased AS (
    INSERT INTO leases (id, due_at, expires_at, deadline_at, ready_at, started_at, seq, lane, token, bytes, records, priority, attempt,
      crashes, session, worker_id, node_id)
    SELECT id, v_now + least(p_lease_ms, timeout_ms), v_now + p_lease_ms, v_now + timeout_ms, ready_at, v_now, seq, lane, token + 1,
      bytes, 0, -rank, attempt + 1, crashes, p_session, p_worker_id, p_node_id
    FROM chosen
  ), counted AS (
    INSERT INTO counter_changes (lane, queued, running) SELECT lane, -count(*), count(*) FROM chosen GROUP BY lane
  )
  SELECT c.id, c.lane, c.rank, t.payload, t.created_at, t.max_attempts, t.timeout_seconds, t.backoff, t.tags, t.idempotency_key,
    c.ready_at, c.attempt, c.crashes, c.token, c.seq, v_now
  FROM chosen c CROSS JOIN LATERAL (SELECT * FROM tasks t WHERE t.id = c.id OFFSET 0) t;
  GET DIAGNOSTICS v_rows = ROW_COUNT;
  EXIT WHEN v_rows * 2 >= v_left OR cardinality(v_heads) < v_window;
  v_left := v_left - v_rows;
  lane := NULL;
  RETURN NEXT;
  END LOOP;
END
$$;

-- Ends leases as succeeded; no lease is named twice. Answers with lists that tell of each that was held: which it was, and
-- when its task was ready and started. The others are lost, or were settled before.
CREATE FUNCTION settle_succeeded(p_now bigint, p_at_least bigint, p_overhead integer, p_ids uuid[], p_tokens integer[], p_results text)
RETURNS TABLE (ns text, lanes text, ready_ats text, started_ats text, now bigint)
LANGUAGE plpgsql
SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  v_held bigint;
  v_gone bigint;
BEGIN
  now := server_now(p_now, p_at_least);
  WITH input AS (
    SELECT id, token, nullif(result, '') AS result, n
    FROM ROWS FROM (unnest(p_ids), unnest(p_tokens), unnest(string_to_array(p_results, E'\x1e'))) WITH ORDINALITY
      AS i (id, token, result, n)
  ), held AS MATERIALIZED (
    SELECT l.*, i.result, i.n, p_overhead + l.bytes + coalesce(octet_length(i.result), 0) AS finished_bytes
    FROM input i CROSS JOIN LATERAL (
      SELECT l.ctid AS at, l.id, l.lane, l.token, l.attempt, l.crashes, l.worker_id, l.started_at, l.ready_at, l.progress, l.bytes
      FROM leases l WHERE l.id = i.id AND l.token = i.token OFFSET 0
    ) l
  ), gone AS (
    DELETE FROM leases WHERE ctid = ANY (ARRAY(SELECT at FROM held)) RETURNING 1
  ), done AS (
    INSERT INTO finished (id, started_at, finished_at, lane, token, bytes, status, attempt, crashes, worker_id, result, progress)
    SELECT id, started_at, settle_succeeded.now, lane, token, finished_bytes, 1, attempt, crashes, worker_id, result, progress FROM held
  ), counted AS (
    INSERT INTO counter_changes (lane, running, succeeded, finished_total, finished_bytes)
    SELECT lane, -count(*), count(*), count(*), sum(finished_bytes) FROM held GROUP BY lane
  )
  SELECT string_agg(n::text, ','), string_agg(lane::text, ','), string_agg(ready_at::text, ','), string_agg(started_at::text, ','),
    count(*), (SELECT count(*) FROM gone)
  INTO ns, lanes, ready_ats, started_ats, v_held, v_gone FROM held;
  -- A heartbeat has just moved one of the rows, or somebody else has ended the lease: look again.
  IF v_held <> v_gone THEN RAISE EXCEPTION 'a lease changed while it was settled' USING ERRCODE = 'serialization_failure'; END IF;
  RETURN NEXT;
END
$$;

-- One row for each lease that is held, and whether its task was asked to stop.
CREATE FUNCTION extend_leases(p_now bigint, p_at_least bigint, p_lease_ms bigint, p_ids uuid[], p_tokens integer[])
RETURNS TABLE (n bigint, is_cancelled boolean)
LANGUAGE plpgsql
SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  v_now bigint := server_now(p_now, p_at_least);
BEGIN
  RETURN QUERY
  SELECT i.n, l.is_cancelled
  FROM (
    SELECT * FROM ROWS FROM (unnest(p_ids), unnest(p_tokens)) WITH ORDINALITY AS i (id, token, n) ORDER BY id
  ) AS i CROSS JOIN LATERAL extend_lease(i.id, i.token, v_now, p_lease_ms) AS l;
END
$$;

CREATE FUNCTION extend_lease(p_id uuid, p_token integer, p_now bigint, p_lease_ms bigint) RETURNS TABLE (is_cancelled boolean)
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
BEGIN
  RETURN QUERY UPDATE leases SET expires_at = p_now + p_lease_ms, due_at = least(p_now + p_lease_ms, deadline_at)
    WHERE id = p_id AND token = p_token RETURNING cancel_requested_at IS NOT NULL;
END
$$;

-- Due tasks become ready, earliest first, and a burst in several calls. Answers with the lanes they are in.
CREATE FUNCTION promote_due(p_now bigint, p_at_least bigint) RETURNS TABLE (lane integer, promoted bigint)
LANGUAGE plpgsql
SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  v_now bigint := server_now(p_now, p_at_least);
BEGIN
  IF NOT EXISTS (SELECT FROM scheduled WHERE run_at <= v_now) THEN RETURN; END IF;
  RETURN QUERY
  WITH due AS (
    DELETE FROM scheduled WHERE id = ANY (ARRAY(
      SELECT id FROM scheduled WHERE run_at <= v_now ORDER BY run_at LIMIT 10000 FOR UPDATE SKIP LOCKED
    )) RETURNING id, run_at, seq, lane, token, attempt, crashes
  ), made_ready AS (
    INSERT INTO ready (id, ready_at, seq, lane, token, bytes, timeout_ms, rank, attempt, crashes)
    SELECT d.id, d.run_at, d.seq, d.lane, d.token, octet_length(t.payload), round(t.timeout_seconds * 1000)::bigint, -t.priority,
      d.attempt, d.crashes
    FROM due d CROSS JOIN LATERAL (SELECT * FROM tasks t WHERE t.id = d.id OFFSET 0) t
  ), counted AS (
    INSERT INTO counter_changes (lane, scheduled, queued) SELECT lane, -count(*), count(*) FROM due GROUP BY lane
  )
  SELECT lane, count(*) FROM due GROUP BY lane;
END
$$;

-- The tasks of these ids, in their order, with their present state. Ends early once their texts reach `p_max_bytes`.
CREATE FUNCTION find_tasks(p_now bigint, p_at_least bigint, p_ids uuid[], p_max_bytes bigint) RETURNS TABLE (
  id uuid, lane integer, priority smallint, payload text, created_at bigint, max_attempts smallint,
  timeout_seconds double precision, backoff text, tags text, idempotency_key text,
  status text, run_at bigint, attempt smallint, crashes smallint, token integer, worker_id text, started_at bigint,
  finished_at bigint, cancel_requested_at bigint, progress text, result text, error text
)
LANGUAGE plpgsql
SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  v_now bigint := server_now(p_now, p_at_least);
BEGIN
  RETURN QUERY
  WITH found AS (
    SELECT i.n, t.id, t.lane, t.priority, t.payload, t.created_at, t.max_attempts, t.timeout_seconds, t.backoff, t.tags, t.idempotency_key,
      CASE WHEN l.id IS NOT NULL THEN 'running'
        WHEN f.status IS NOT NULL THEN (ARRAY['succeeded', 'failed', 'cancelled'])[f.status]
        WHEN s.run_at > v_now THEN 'scheduled' ELSE 'queued' END AS status,
      coalesce(l.ready_at, r.ready_at, s.run_at, t.run_at, t.created_at) AS run_at,
      coalesce(l.attempt, r.attempt, s.attempt, f.attempt) AS attempt,
      coalesce(l.crashes, r.crashes, s.crashes, f.crashes) AS crashes,
      coalesce(l.token, r.token, s.token, f.token) AS token,
      coalesce(l.worker_id, f.worker_id) AS worker_id, coalesce(l.started_at, f.started_at) AS started_at, f.finished_at,
      l.cancel_requested_at, coalesce(l.progress, f.progress) AS progress, f.result,
      CASE WHEN coalesce(r.token, s.token) > 0 THEN (
        -- Why the attempt before failed, so that a task that waits for its next one says what is wrong.
        SELECT h.data::json ->> 'error' FROM history h
        WHERE h.id = t.id AND h.token = coalesce(r.token, s.token) AND h.kind = 'retry-scheduled' ORDER BY h.n DESC LIMIT 1
      ) ELSE f.error END AS error,
      sum(octet_length(t.payload) + coalesce(octet_length(f.result), 0)) OVER (ORDER BY i.n) AS bytes_so_far
    FROM unnest(p_ids) WITH ORDINALITY AS i (id, n)
    CROSS JOIN LATERAL (SELECT * FROM tasks t WHERE t.id = i.id OFFSET 0) t
    LEFT JOIN LATERAL (SELECT * FROM leases l WHERE l.id = t.id OFFSET 0) l ON true
    LEFT JOIN LATERAL (SELECT * FROM ready r WHERE r.id = t.id OFFSET 0) r ON true
    LEFT JOIN LATERAL (SELECT * FROM scheduled s WHERE s.id = t.id OFFSET 0) s ON true
    LEFT JOIN LATERAL (
      SELECT * FROM finished f WHERE f.lane = t.lane AND f.status = ANY (ARRAY[1, 2, 3]::smallint[]) AND f.id = t.id LIMIT 1
    ) f ON true
  )
  SELECT id, lane, priority, payload, created_at, max_attempts, timeout_seconds, backoff, tags, idempotency_key, status, run_at, attempt,
    crashes, token, worker_id, started_at, finished_at, cancel_requested_at, progress, result, error
  FROM found WHERE n = 1 OR bytes_so_far <= p_max_bytes ORDER BY n;
END
$$;

-- The oldest ready task of each lane: within a rank the index is in order of readiness, so one step for each rank in use.
CREATE FUNCTION oldest_ready(p_lanes integer[]) RETURNS TABLE (lane integer, ready_at bigint)
LANGUAGE plpgsql
SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH RECURSIVE heads AS (
    SELECT h.* FROM unnest(p_lanes) AS l (lane) CROSS JOIN LATERAL (
      SELECT r.lane, r.rank, r.ready_at FROM ready r WHERE r.lane = l.lane ORDER BY r.rank, r.ready_at, r.seq LIMIT 1
    ) h
    UNION ALL
    SELECT n.* FROM heads h CROSS JOIN LATERAL (
      SELECT r.lane, r.rank, r.ready_at FROM ready r WHERE r.lane = h.lane AND r.rank > h.rank ORDER BY r.rank, r.ready_at, r.seq LIMIT 1
    ) n
  )
  SELECT lane, min(ready_at) FROM heads GROUP BY lane;
END
$$;
