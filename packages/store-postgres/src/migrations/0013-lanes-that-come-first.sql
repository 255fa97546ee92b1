-- Lanes that may have ready tasks, and where the first of them stands at the earliest: a claim of every queue looks at the lanes that
-- come first by these notes, however many there are. While a task is ready its lane has a note that is not after it. Whoever makes
-- tasks ready leaves one, or locks one that is there until it commits; whoever removes notes locks them first, and only then looks
-- where the lane begins. Nobody waits for such a lock: a note that is locked counts as none. The trigger is that of servers of the
-- version before, too.
CREATE TABLE ready_lanes (
  ready_at bigint NOT NULL,
  seq bigint NOT NULL,
  lane integer NOT NULL,
  rank smallint NOT NULL,
  namespace text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL
);
CREATE INDEX ready_lanes_in_order ON ready_lanes (namespace, type, rank, ready_at, seq);
CREATE INDEX ready_lanes_by_lane ON ready_lanes (lane);
ALTER TABLE ready_lanes SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0);

-- A transaction that sees no change of others would fail where a note was removed since it began: it leaves one of its own. It may
-- not see the lane either, if that is new: then the note has no names, and is put where it belongs by the next claim.
CREATE FUNCTION note_ready() RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off
AS $$
DECLARE
  v_sees_changes boolean := current_setting('transaction_isolation') IN ('read committed', 'read uncommitted');
BEGIN
  INSERT INTO ready_lanes (ready_at, seq, lane, rank, namespace, type)
  SELECT f.ready_at, f.seq, f.lane, f.rank, coalesce(l.namespace, ''), coalesce(l.type, '')
  FROM (
    SELECT m.lane, min(m.rank) AS rank, min(m.ready_at) AS ready_at, min(m.seq) AS seq FROM made_ready m GROUP BY m.lane
  ) AS f LEFT JOIN LATERAL (SELECT * FROM lanes l WHERE l.lane = f.lane OFFSET 0) l ON true
  WHERE NOT v_sees_changes OR NOT EXISTS (
    SELECT FROM ready_lanes n WHERE n.lane = f.lane AND (n.rank, n.ready_at, n.seq) <= (f.rank, f.ready_at, f.seq)
    LIMIT 1 FOR UPDATE SKIP LOCKED
  );
  RETURN NULL;
END
$$;
CREATE TRIGGER note_ready AFTER INSERT ON ready REFERENCING NEW TABLE AS made_ready FOR EACH STATEMENT EXECUTE FUNCTION note_ready();

INSERT INTO ready_lanes (ready_at, seq, lane, rank, namespace, type)
SELECT r.ready_at, r.seq, l.lane, r.rank, l.namespace, l.type
FROM lanes l CROSS JOIN LATERAL (
  SELECT r.ready_at, r.seq, r.rank FROM ready r WHERE r.lane = l.lane ORDER BY r.rank, r.ready_at, r.seq LIMIT 1
) r;

-- Puts notes of lanes where these begin now, those of empty lanes nowhere. Each that is not locked by others is removed, and each
-- lane of such gets one. In two steps, each of which sees what was committed before it: the second what those have made ready
-- who had the notes locked.
CREATE FUNCTION renew_ready_lanes(p_notes tid[]) RETURNS void
LANGUAGE plpgsql
SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off
AS $$
DECLARE
  v_locked tid[];
BEGIN
  IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN RETURN; END IF;
  v_locked := ARRAY(SELECT n.ctid FROM ready_lanes n WHERE n.ctid = ANY (p_notes) FOR UPDATE SKIP LOCKED);
  WITH removed AS (
    DELETE FROM ready_lanes n WHERE n.ctid = ANY (v_locked) RETURNING n.lane
  )
  INSERT INTO ready_lanes (ready_at, seq, lane, rank, namespace, type)
  SELECT r.ready_at, r.seq, l.lane, r.rank, l.namespace, l.type
  FROM (SELECT DISTINCT lane FROM removed) AS o CROSS JOIN LATERAL (
    SELECT * FROM lanes l WHERE l.lane = o.lane OFFSET 0
  ) l CROSS JOIN LATERAL (
    SELECT r.ready_at, r.seq, r.rank FROM ready r WHERE r.lane = l.lane ORDER BY r.rank, r.ready_at, r.seq LIMIT 1
  ) r;
END
$$;

-- Renews notes that lead claims astray, of `p_most` that lie behind lane `p_after`: those of lanes that are empty or have another one
-- before. None where there are fewer notes in all: that many may be looked at. Answers with the last lane, and how many it was.
CREATE FUNCTION renew_stale_ready_lanes(p_after integer, p_most integer) RETURNS TABLE (last integer, seen bigint)
LANGUAGE plpgsql
SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
DECLARE
  v_notes tid[];
  v_stale tid[];
BEGIN
  SELECT coalesce(array_agg(n.at), '{}'), max(n.lane), count(*) INTO v_notes, last, seen FROM (
    SELECT n.ctid AS at, n.lane FROM ready_lanes n WHERE n.lane > p_after ORDER BY n.lane LIMIT p_most
  ) AS n;
  IF p_after >= 0 OR seen = p_most THEN
    v_stale := ARRAY(
      SELECT n.at FROM (
        SELECT n.ctid AS at, n.lane, row_number() OVER (PARTITION BY n.lane ORDER BY n.rank, n.ready_at, n.seq) AS nth
        FROM ready_lanes n WHERE n.ctid = ANY (v_notes)
      ) AS n WHERE nth > 1 OR NOT EXISTS (SELECT FROM ready r WHERE r.lane = n.lane)
    );
    PERFORM renew_ready_lanes(v_stale);
  END IF;
  RETURN NEXT;
END
$$;

-- Types of which a namespace may have ready tasks, by one step in the index for each.
CREATE FUNCTION ready_types(p_namespace text) RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off
AS $$
DECLARE
  v_types text[] := '{}';
  v_type text;
BEGIN
  SELECT n.type INTO v_type FROM ready_lanes n WHERE n.namespace = p_namespace ORDER BY n.type LIMIT 1;
  WHILE v_type IS NOT NULL LOOP
    v_types := v_types || v_type;
    SELECT n.type INTO v_type FROM ready_lanes n WHERE n.namespace = p_namespace AND n.type > v_type ORDER BY n.type LIMIT 1;
  END LOOP;
  RETURN v_types;
END
$$;

-- The first notes of these types, without those of paused queues.
CREATE FUNCTION first_ready_lanes(p_namespace text, p_types text[], p_most integer)
RETURNS TABLE (at tid, lane integer, rank smallint, ready_at bigint, seq bigint)
LANGUAGE plpgsql
SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  v_pauses boolean := EXISTS (SELECT FROM paused_queues p WHERE p.namespace = p_namespace);
BEGIN
  RETURN QUERY
  SELECT n.at, n.lane, n.rank, n.ready_at, n.seq FROM unnest(p_types) AS t (type) CROSS JOIN LATERAL (
    SELECT n.ctid AS at, n.lane, n.rank, n.ready_at, n.seq FROM ready_lanes n
    WHERE n.namespace = p_namespace AND n.type = t.type AND NOT (v_pauses AND EXISTS (
      SELECT FROM lanes l JOIN paused_queues p ON p.namespace = l.namespace AND p.queue = l.queue WHERE l.lane = n.lane
    ))
    ORDER BY n.rank, n.ready_at, n.seq LIMIT p_most
  ) n
  ORDER BY n.rank, n.ready_at, n.seq LIMIT p_most;
END
$$;

-- claim_tasks_3, but that every queue (NULL) means the lanes that come first.
CREATE FUNCTION claim_tasks_4(
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
  v_types text[];
  v_most integer;
  v_notes tid[];
  v_note_lanes integer[];
  v_note_ranks smallint[];
  v_note_ready_ats bigint[];
  v_note_seqs bigint[];
  v_head_lanes integer[];
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
  IF p_queues IS NOT NULL THEN
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
  IF p_queues IS NULL THEN
    IF EXISTS (SELECT FROM ready_lanes WHERE namespace = '') THEN
      PERFORM renew_ready_lanes(ARRAY(SELECT ctid FROM ready_lanes WHERE namespace = ''));
    END IF;
    v_types := CASE WHEN p_types IS NULL THEN ready_types(p_namespace) ELSE ARRAY(SELECT DISTINCT unnest(p_types)) END;
  END IF;
  -- Heads are looked up first and locked then, so that no more rows are locked than are taken. There are enough of them
  -- for claims at the same moment of `p_beside` tasks; a second look goes on where others have taken those.
  FOREACH v_window IN ARRAY ARRAY[p_limit + p_beside, (p_limit + p_beside) * 8 + 1000] LOOP
  v_most := CASE WHEN p_queues IS NULL THEN 64 END;
  -- Tasks of the lanes whose notes come first come before all others up to the note behind these. Where there are too few, the notes
  -- that promised more than their lanes hold are renewed, and more lanes are looked at.
  LOOP
  IF v_most IS NOT NULL THEN
    SELECT coalesce(array_agg(at), '{}'), array_agg(lane), array_agg(rank), array_agg(ready_at), array_agg(seq)
    INTO v_notes, v_note_lanes, v_note_ranks, v_note_ready_ats, v_note_seqs
    FROM first_ready_lanes(p_namespace, v_types, v_most + 1);
    v_lanes := ARRAY(SELECT DISTINCT l FROM unnest(v_note_lanes[:v_most]) AS l);
  END IF;
  SELECT coalesce(array_agg(at), '{}'), coalesce(array_agg(lane), '{}'),
    coalesce(sum(CASE WHEN crashes >= p_suspect_crashes THEN p_max_bytes ELSE bytes END) >= p_max_bytes, false)
  INTO v_heads, v_head_lanes, v_may_be_cut
  FROM (
    SELECT h.at, h.lane, h.crashes, h.bytes FROM (
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
      SELECT r.ctid AS at, r.lane, r.rank, r.ready_at, r.seq, r.crashes, r.bytes FROM ready r
      WHERE r.lane = s.lane AND (r.rank, r.ready_at, r.seq) > (s.rank, s.ready_at, s.seq) AND r.rank < s.next_rank
      ORDER BY r.rank, r.ready_at, r.seq LIMIT v_window
    ) h
    WHERE v_most IS NULL OR cardinality(v_notes) <= v_most
      OR (h.rank, h.ready_at, h.seq) < (v_note_ranks[v_most + 1], v_note_ready_ats[v_most + 1], v_note_seqs[v_most + 1])
    ORDER BY h.rank, h.ready_at, h.seq LIMIT v_window
  ) AS in_order;
  EXIT WHEN v_most IS NULL OR cardinality(v_notes) <= v_most OR cardinality(v_heads) >= v_window;
  PERFORM renew_ready_lanes(ARRAY(
    SELECT at FROM (
      SELECT n.at, n.lane, row_number() OVER (PARTITION BY n.lane ORDER BY n.n) AS nth
      FROM ROWS FROM (unnest(v_notes[:v_most]), unnest(v_note_lanes[:v_most])) WITH ORDINALITY AS n (at, lane, n)
    ) AS n WHERE nth > 1 OR NOT lane = ANY (v_head_lanes)
  ));
  v_most := v_most * 4;
  END LOOP;
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
