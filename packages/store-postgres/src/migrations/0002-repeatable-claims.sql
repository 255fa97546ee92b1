-- Claims that can be repeated, crashes that count only for tasks that ran alone, and texts that are read as they were
-- written. Functions of the version before stay, for its servers beside these.

-- Crashes of workers that ran nothing else.
ALTER TABLE ready ADD COLUMN lone_crashes smallint NOT NULL DEFAULT 0;
ALTER TABLE scheduled ADD COLUMN lone_crashes smallint NOT NULL DEFAULT 0;
ALTER TABLE leases ADD COLUMN lone_crashes smallint NOT NULL DEFAULT 0;

-- Which claim gave the lease; NULL: one that is not repeated.
ALTER TABLE leases ADD COLUMN claim bigint;

-- Claims that may be repeated. They have a row each, and an index of its own, because leases are many more: it is removed when
-- none of its leases holds.
CREATE TABLE claim_requests (
  claim bigint NOT NULL,
  until bigint NOT NULL, -- when its leases end unless they are extended
  namespace text COLLATE "C" NOT NULL,
  worker_id text COLLATE "C" NOT NULL,
  request_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (worker_id, request_id, namespace)
);
ALTER TABLE claim_requests SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0);

-- How its worker ended a task that did not succeed: 2 failed, 3 cancelled, 4 released; 0: it ended without its worker's word.
-- NULL: it succeeded, or a server of the version before wrote this.
ALTER TABLE finished ADD COLUMN settled_as smallint;
-- Of a line about the end of an attempt: 0: it ended without its worker's word; NULL: by it, or it is not known.
ALTER TABLE history ADD COLUMN settled_as smallint;

-- Fails when an id is there already: the same call came again. `p_tagged` says which task a tag of `p_tag_texts` is of, counted
-- from 1: the JSON of `p_tags` is never read here, which not every text that JSON can hold would survive.
CREATE FUNCTION submit_tasks_2(
  p_now bigint, p_at_least bigint, p_ids uuid[], p_lanes integer[], p_payloads text, p_priorities smallint[], p_run_ats bigint[],
  p_delays bigint[], p_max_attempts smallint[], p_timeouts double precision[], p_backoffs text[], p_tags text[], p_keys text[],
  p_tagged integer[], p_tag_texts text[]
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
    SELECT DISTINCT l.namespace, g.tag, p_ids[g.n]
    FROM ROWS FROM (unnest(p_tagged), unnest(p_tag_texts)) AS g (n, tag) JOIN lanes l ON l.lane = p_lanes[g.n]
  ), counted AS (
    INSERT INTO counter_changes (lane, queued, scheduled)
    SELECT lane, count(*) FILTER (WHERE run_at = v_now), count(*) FILTER (WHERE run_at > v_now) FROM input GROUP BY lane
  )
  SELECT v_now;
END
$$;

-- Due tasks become ready, earliest first, and a burst in several calls. Answers with the lanes they are in.
CREATE FUNCTION promote_due_2(p_now bigint, p_at_least bigint) RETURNS TABLE (lane integer, promoted bigint)
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
    )) RETURNING id, run_at, seq, lane, token, attempt, crashes, lone_crashes
  ), made_ready AS (
    INSERT INTO ready (id, ready_at, seq, lane, token, bytes, timeout_ms, rank, attempt, crashes, lone_crashes)
    SELECT d.id, d.run_at, d.seq, d.lane, d.token, octet_length(t.payload), round(t.timeout_seconds * 1000)::bigint, -t.priority,
      d.attempt, d.crashes, d.lone_crashes
    FROM due d CROSS JOIN LATERAL (SELECT * FROM tasks t WHERE t.id = d.id OFFSET 0) t
  ), counted AS (
    INSERT INTO counter_changes (lane, scheduled, queued) SELECT lane, -count(*), count(*) FROM due GROUP BY lane
  )
  SELECT lane, count(*) FROM due GROUP BY lane;
END
$$;

-- What the same claim has given and still holds, extended.
CREATE FUNCTION given_leases(
  p_now bigint, p_at_least bigint, p_namespace text, p_worker_id text, p_request_id text, p_lease_ms bigint
) RETURNS TABLE (
  id uuid, lane integer, rank smallint, payload text, created_at bigint, max_attempts smallint,
  timeout_seconds double precision, backoff text, tags text, idempotency_key text, ready_at bigint, attempt smallint,
  crashes smallint, token integer, seq bigint, started_at bigint, expires_at bigint, cancel_requested_at bigint, progress text
)
LANGUAGE plpgsql
SET search_path FROM CURRENT SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  v_now bigint := server_now(p_now, p_at_least);
BEGIN
  RETURN QUERY
  WITH given AS (
    UPDATE leases SET expires_at = v_now + p_lease_ms, due_at = least(v_now + p_lease_ms, deadline_at)
    WHERE claim = (
      SELECT c.claim FROM claim_requests c
      WHERE c.worker_id = p_worker_id AND c.request_id = p_request_id AND c.namespace = p_namespace
    )
    RETURNING *
  )
  SELECT g.id, g.lane, (-g.priority)::smallint, t.payload, t.created_at, t.max_attempts, t.timeout_seconds, t.backoff, t.tags,
    t.idempotency_key, g.ready_at, (g.attempt - 1)::smallint, g.crashes, g.token - 1, g.seq, g.started_at, g.expires_at,
    g.cancel_requested_at, g.progress
  FROM given g CROSS JOIN LATERAL (SELECT * FROM tasks t WHERE t.id = g.id OFFSET 0) t
  ORDER BY 3, g.ready_at, g.seq;
END
$$;

-- Dead rows of claimed tasks stay in the index for as long as any transaction on the server might see them, and a claim
-- would walk over all of them. So a claimer says how far it has come: below a floor (lane, rank, ready_at, seq) there is
-- nothing left, as far as it knows. Floors come in order; without any, the claim looks from the start. Tasks that are due
-- are made ready first.
--
-- `p_is_rest`: the claimer has tasks already, of the same claim. A row without an id is a note, and its `payload` says of what:
-- `due`: tasks of this lane have become ready; `crowded`: others were claiming here; `cut`: the answer is full, or a suspect
-- is next; `given`: the same claim gave leases before that still hold, see `given_leases`.
CREATE FUNCTION claim_tasks_2(
  p_now bigint, p_at_least bigint, p_namespace text, p_queues text[], p_types text[], p_limit integer, p_lease_ms bigint,
  p_max_bytes bigint, p_worker_id text, p_node_id text, p_session boolean, p_request_id text, p_is_rest boolean,
  p_suspect_crashes integer, p_beside integer, p_floor_lanes integer[], p_floor_ranks smallint[], p_floor_ready_ats bigint[],
  p_floor_seqs bigint[]
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
  v_lanes integer[];
  v_claim bigint;
  v_claim_before bigint;
  v_lock text;
  v_has_some boolean := p_is_rest;
  v_left integer := p_limit;
  v_window integer;
  v_heads tid[];
  v_found integer;
  v_may_be_cut boolean;
  v_rows integer;
BEGIN
  IF p_request_id IS NOT NULL THEN
    -- The same claim at the same moment, because its answer is late, waits here and is then given the same.
    v_lock := pg_advisory_xact_lock(hashtextextended('taskyard claim ' || p_worker_id || ' ' || p_request_id, 0));
    SELECT claim INTO v_claim_before FROM claim_requests
    WHERE worker_id = p_worker_id AND request_id = p_request_id AND namespace = p_namespace;
    v_claim := v_claim_before;
    IF v_claim IS NOT NULL AND NOT p_is_rest AND EXISTS (SELECT FROM leases l WHERE l.claim = v_claim) THEN
      payload := 'given';
      RETURN NEXT;
      RETURN;
    END IF;
  END IF;
  v_lanes := ARRAY(
    SELECT l.lane FROM lanes l
    WHERE l.namespace = p_namespace AND l.queue = ANY (p_queues) AND (p_types IS NULL OR l.type = ANY (p_types))
      AND NOT EXISTS (SELECT FROM paused_queues p WHERE p.namespace = l.namespace AND p.queue = l.queue)
  );
  IF EXISTS (SELECT FROM scheduled WHERE run_at <= v_now) THEN
    payload := 'due';
    FOR lane IN SELECT d.lane FROM promote_due_2(v_now, 0) AS d LOOP RETURN NEXT; END LOOP;
    lane := NULL;
  END IF;
  -- Heads are looked up first and locked then, so that no more rows are locked than are taken. There are enough of them
  -- for claims at the same moment of `p_beside` tasks; a second look goes on where others have taken those.
  FOREACH v_window IN ARRAY ARRAY[p_limit + p_beside, (p_limit + p_beside) * 8 + 1000] LOOP
  SELECT coalesce(array_agg(at), '{}'),
    coalesce(sum(CASE WHEN crashes >= p_suspect_crashes THEN p_max_bytes ELSE bytes END) >= p_max_bytes, false)
  INTO v_heads, v_may_be_cut
  FROM (
    SELECT h.at, h.crashes, h.bytes FROM (
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
      SELECT r.ctid AS at, r.rank, r.ready_at, r.seq, r.crashes, r.bytes FROM ready r
      WHERE r.lane = s.lane AND (r.rank, r.ready_at, r.seq) > (s.rank, s.ready_at, s.seq) AND r.rank < s.next_rank
      ORDER BY r.rank, r.ready_at, r.seq LIMIT v_window
    ) h
    ORDER BY h.rank, h.ready_at, h.seq LIMIT v_window
  ) AS in_order;
  v_found := cardinality(v_heads);
  EXIT WHEN v_found = 0;
  IF v_may_be_cut THEN
    -- A suspect, a task that was there when workers died, is given out alone: an answer ends before it, or holds nothing else.
    v_heads := ARRAY(
      WITH heads AS MATERIALIZED (
        SELECT r.ctid AS at, r.bytes, r.crashes, h.n FROM unnest(v_heads) WITH ORDINALITY AS h (at, n) JOIN ready r ON r.ctid = h.at
        WHERE r.lane = ANY (v_lanes) ORDER BY h.n LIMIT v_left FOR UPDATE OF r SKIP LOCKED
      )
      SELECT at FROM (
        SELECT at, n, sum(bytes) OVER in_order - bytes AS bytes_before,
          count(*) FILTER (WHERE crashes >= p_suspect_crashes) OVER in_order AS suspects
        FROM heads WINDOW in_order AS (ORDER BY n)
      ) AS h
      WHERE (suspects = 0 AND bytes_before < p_max_bytes) OR (bytes_before = 0 AND NOT v_has_some) ORDER BY n
    );
  END IF;
  IF p_request_id IS NOT NULL AND NOT v_has_some THEN v_claim := nextval('submissions'); END IF;
  -- Payloads are joined last, so that no step copies them; without a sort the rows keep the order of their heads.
  RETURN QUERY
  WITH chosen AS MATERIALIZED (
    SELECT r.ctid AS at, r.*, h.n FROM unnest(v_heads) WITH ORDINALITY AS h (at, n) JOIN ready r ON r.ctid = h.at
    WHERE r.lane = ANY (v_lanes) ORDER BY h.n LIMIT v_left FOR UPDATE OF r SKIP LOCKED
  ), taken AS (
    DELETE FROM ready WHERE ctid = ANY (ARRAY(SELECT at FROM chosen))
  ), leased AS (
    INSERT INTO leases (id, due_at, expires_at, deadline_at, ready_at, started_at, seq, lane, token, bytes, records, priority, attempt,
      crashes, lone_crashes, session, worker_id, node_id, claim)
    SELECT id, v_now + least(p_lease_ms, timeout_ms), v_now + p_lease_ms, v_now + timeout_ms, ready_at, v_now, seq, lane, token + 1,
      bytes, 0, -rank, attempt + 1, crashes, lone_crashes, p_session, p_worker_id, p_node_id, v_claim
    FROM chosen
  ), counted AS (
    INSERT INTO counter_changes (lane, queued, running) SELECT lane, -count(*), count(*) FROM chosen GROUP BY lane
  )
  SELECT c.id, c.lane, c.rank, t.payload, t.created_at, t.max_attempts, t.timeout_seconds, t.backoff, t.tags, t.idempotency_key,
    c.ready_at, c.attempt, c.crashes, c.token, c.seq, v_now
  FROM chosen c CROSS JOIN LATERAL (SELECT * FROM tasks t WHERE t.id = c.id OFFSET 0) t;
  GET DIAGNOSTICS v_rows = ROW_COUNT;
  IF v_rows > 0 AND p_request_id IS NOT NULL AND NOT v_has_some THEN
    IF v_claim_before IS NOT NULL THEN
      DELETE FROM claim_requests WHERE worker_id = p_worker_id AND request_id = p_request_id AND namespace = p_namespace;
    END IF;
    INSERT INTO claim_requests (claim, until, namespace, worker_id, request_id)
    VALUES (v_claim, v_now + p_lease_ms, p_namespace, p_worker_id, p_request_id);
  END IF;
  v_has_some := v_has_some OR v_rows > 0;
  IF v_may_be_cut AND v_has_some THEN
    payload := 'cut';
    RETURN NEXT;
    EXIT;
  END IF;
  EXIT WHEN v_rows * 2 >= v_left OR v_found < v_window;
  v_left := v_left - v_rows;
  payload := 'crowded';
  RETURN NEXT;
  END LOOP;
END
$$;

-- The tasks of these ids, in their order, with their present state. Ends early once their texts reach `p_max_bytes`. `failure`
-- is the error of one that has ended; of one that waits it is what its history says of the attempt before, as it was written.
CREATE FUNCTION find_tasks_2(p_now bigint, p_at_least bigint, p_ids uuid[], p_max_bytes bigint) RETURNS TABLE (
  id uuid, lane integer, priority smallint, payload text, created_at bigint, max_attempts smallint,
  timeout_seconds double precision, backoff text, tags text, idempotency_key text,
  status text, run_at bigint, attempt smallint, crashes smallint, token integer, worker_id text, started_at bigint,
  finished_at bigint, cancel_requested_at bigint, progress text, result text, failure text
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
        SELECT h.data FROM history h
        WHERE h.id = t.id AND h.token = coalesce(r.token, s.token) AND h.kind = 'retry-scheduled' ORDER BY h.n DESC LIMIT 1
      ) ELSE f.error END AS failure,
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
    crashes, token, worker_id, started_at, finished_at, cancel_requested_at, progress, result, failure
  FROM found WHERE n = 1 OR bytes_so_far <= p_max_bytes ORDER BY n;
END
$$;
