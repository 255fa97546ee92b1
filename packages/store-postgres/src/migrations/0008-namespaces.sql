-- Calls that name leases name their namespace, and lock and write nothing of another: the lanes of what is named, which never
-- change, are looked at before. So no lease costs more than a look at its lane, once per call. Functions of the version before stay,
-- for its servers beside these.

CREATE FUNCTION is_lane_of(p_lane integer, p_namespace text) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path FROM CURRENT
AS $$
BEGIN
  RETURN p_namespace = (SELECT l.namespace FROM lanes l WHERE l.lane = p_lane);
END
$$;

CREATE FUNCTION refuse_foreign_lease() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a lease of another namespace was named' USING ERRCODE = 'TY001';
END
$$;

-- Ends leases as succeeded; no lease is named twice. Answers with lists that tell of each that was held: which it was, and
-- when its task was ready and started. The others are lost, or were settled before. Fails with TY001 when one is of another
-- namespace, before anything is locked or written: `gone` finds that out, and is done first, because the answer counts its rows.
CREATE FUNCTION settle_succeeded_2(
  p_now bigint, p_at_least bigint, p_overhead integer, p_namespace text, p_ids uuid[], p_tokens integer[], p_results text
) RETURNS TABLE (ns text, lanes text, ready_ats text, started_ats text, now bigint)
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
  ), counts AS MATERIALIZED (
    SELECT lane, count(*) AS n, sum(finished_bytes) AS bytes FROM held GROUP BY lane
  ), gone AS (
    DELETE FROM leases WHERE ctid = ANY (ARRAY(
      SELECT at FROM held
      WHERE NOT EXISTS (SELECT FROM counts c WHERE (SELECT l.namespace FROM lanes l WHERE l.lane = c.lane) <> p_namespace)
        OR refuse_foreign_lease()
    )) RETURNING 1
  ), done AS (
    INSERT INTO finished (id, started_at, finished_at, lane, token, bytes, status, attempt, crashes, worker_id, result, progress)
    SELECT id, started_at, settle_succeeded_2.now, lane, token, finished_bytes, 1, attempt, crashes, worker_id, result, progress FROM held
  ), counted AS (
    INSERT INTO counter_changes (lane, running, succeeded, finished_total, finished_bytes)
    SELECT lane, -n, n, n, bytes FROM counts
  )
  SELECT string_agg(n::text, ','), string_agg(lane::text, ','), string_agg(ready_at::text, ','), string_agg(started_at::text, ','),
    count(*), (SELECT count(*) FROM gone)
  INTO ns, lanes, ready_ats, started_ats, v_held, v_gone FROM held;
  -- A heartbeat has just moved one of the rows, or somebody else has ended the lease: look again.
  IF v_held <> v_gone THEN RAISE EXCEPTION 'a lease changed while it was settled' USING ERRCODE = 'serialization_failure'; END IF;
  RETURN NEXT;
END
$$;

-- Extends the leases that are free. One that somebody writes to now is answered without `is_cancelled`: `extend_leases` waits
-- for it. Those of another namespace are lost.
CREATE FUNCTION extend_free_leases_2(
  p_now bigint, p_at_least bigint, p_lease_ms bigint, p_ids uuid[], p_tokens integer[], p_namespace text
) RETURNS TABLE (n bigint, is_cancelled boolean)
LANGUAGE plpgsql
SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off
AS $$
DECLARE
  v_now bigint := server_now(p_now, p_at_least);
  v_lane integer;
  v_mine integer[] := ARRAY(
    SELECT l.lane FROM leases l WHERE l.id = p_ids[1] AND (SELECT n.namespace FROM lanes n WHERE n.lane = l.lane) = p_namespace
  );
BEGIN
  FOR i IN 1 .. cardinality(p_ids) LOOP
    n := i;
    LOOP
      UPDATE leases l SET expires_at = v_now + p_lease_ms, due_at = least(v_now + p_lease_ms, l.deadline_at)
      WHERE l.id = (
        SELECT f.id FROM leases f WHERE f.id = p_ids[i] AND f.token = p_tokens[i] AND f.lane = ANY (v_mine) FOR UPDATE SKIP LOCKED
      )
      RETURNING l.cancel_requested_at IS NOT NULL INTO is_cancelled;
      EXIT WHEN FOUND;
      -- Locked, lost, or the first of its lane.
      SELECT l.lane INTO v_lane FROM leases l
      WHERE l.id = p_ids[i] AND l.token = p_tokens[i] AND (SELECT n.namespace FROM lanes n WHERE n.lane = l.lane) = p_namespace;
      EXIT WHEN NOT FOUND OR v_lane = ANY (v_mine);
      v_mine := v_mine || v_lane;
    END LOOP;
    IF FOUND THEN RETURN NEXT; END IF;
  END LOOP;
END
$$;
