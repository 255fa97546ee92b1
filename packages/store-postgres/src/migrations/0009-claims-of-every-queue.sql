-- claim_tasks_2, but that no queues (NULL) mean every queue of the namespace.
CREATE FUNCTION claim_tasks_3(
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
  IF p_queues IS NULL THEN
    v_lanes := ARRAY(
      SELECT l.lane FROM lanes l
      WHERE l.namespace = p_namespace AND (p_types IS NULL OR l.type = ANY (p_types))
        AND NOT EXISTS (SELECT FROM paused_queues p WHERE p.namespace = l.namespace AND p.queue = l.queue)
    );
  ELSE
    v_lanes := ARRAY(
      SELECT l.lane FROM lanes l
      WHERE l.namespace = p_namespace AND l.queue = ANY (p_queues) AND (p_types IS NULL OR l.type = ANY (p_types))
        AND NOT EXISTS (SELECT FROM paused_queues p WHERE p.namespace = l.namespace AND p.queue = l.queue)
    );
  END IF;
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
