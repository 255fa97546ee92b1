-- submit_tasks_2, but that tags come with their namespaces: a transaction that sees no changes of others does not see a lane that is
-- new, and left its tags out.
CREATE FUNCTION submit_tasks_3(
  p_now bigint, p_at_least bigint, p_ids uuid[], p_lanes integer[], p_payloads text, p_priorities smallint[], p_run_ats bigint[],
  p_delays bigint[], p_max_attempts smallint[], p_timeouts double precision[], p_backoffs text[], p_tags text[], p_keys text[],
  p_tagged integer[], p_tag_texts text[], p_tag_namespaces text[]
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
    SELECT DISTINCT g.namespace, g.tag, p_ids[g.n]
    FROM ROWS FROM (unnest(p_tagged), unnest(p_tag_texts), unnest(p_tag_namespaces)) AS g (n, tag, namespace)
  ), counted AS (
    INSERT INTO counter_changes (lane, queued, scheduled)
    SELECT lane, count(*) FILTER (WHERE run_at = v_now), count(*) FILTER (WHERE run_at > v_now) FROM input GROUP BY lane
  )
  SELECT v_now;
END
$$;
