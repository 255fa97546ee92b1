-- Leases that are given again move their end, and a lease that somebody holds locked keeps no others from being extended.
-- Functions of the version before stay, for its servers beside these.

-- What the same claim has given and still holds, extended: each to a later end than before.
CREATE FUNCTION given_leases_2(
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
    UPDATE leases SET expires_at = greatest(v_now + p_lease_ms, expires_at + 1),
      due_at = least(greatest(v_now + p_lease_ms, expires_at + 1), deadline_at)
    WHERE claim = (
      SELECT c.claim FROM claim_requests c
      WHERE c.worker_id = p_worker_id AND c.request_id = p_request_id AND c.namespace = p_namespace
    )
    RETURNING *
  )
  SELECT g.id, g.lane, (-g.priority)::smallint, t.payload, t.created_at, t.max_attempts, t.timeout_seconds, t.backoff, t.tags,
    t.idempotency_key, g.ready_at, (g.attempt - 1)::smallint, g.crashes, g.token - 1, g.seq, g.started_at, g.expires_at,
    g.cancel_requested_at, g.progress
  FROM given g CROSS JOIN LATERAL (SELECT * FROM tasks t WHERE t.id = g.id OFFSET 0) t;
END
$$;

-- Extends the leases that are free. One that somebody writes to now is answered without `is_cancelled`: `extend_leases` waits
-- for it.
CREATE FUNCTION extend_free_leases(p_now bigint, p_at_least bigint, p_lease_ms bigint, p_ids uuid[], p_tokens integer[])
RETURNS TABLE (n bigint, is_cancelled boolean)
LANGUAGE plpgsql
SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off
AS $$
DECLARE
  v_now bigint := server_now(p_now, p_at_least);
BEGIN
  FOR i IN 1 .. cardinality(p_ids) LOOP
    n := i;
    UPDATE leases l SET expires_at = v_now + p_lease_ms, due_at = least(v_now + p_lease_ms, l.deadline_at)
    WHERE l.id = (SELECT f.id FROM leases f WHERE f.id = p_ids[i] AND f.token = p_tokens[i] FOR UPDATE SKIP LOCKED)
    RETURNING l.cancel_requested_at IS NOT NULL INTO is_cancelled;
    IF FOUND OR EXISTS (SELECT FROM leases l WHERE l.id = p_ids[i] AND l.token = p_tokens[i]) THEN RETURN NEXT; END IF;
  END LOOP;
END
$$;
