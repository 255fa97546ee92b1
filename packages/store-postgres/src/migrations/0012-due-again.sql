-- The last line of a task's history after which it was due another time than before; none: it was due once. For tasks that have ended,
-- which are kept without the time of their last attempt.
CREATE FUNCTION due_again(p_id uuid) RETURNS TABLE (kind text, at bigint, data text) LANGUAGE plpgsql STABLE
SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY SELECT h.kind, h.at, h.data FROM history h
  WHERE h.id = p_id AND h.kind IN ('retry-scheduled', 'lease-expired', 'retried') ORDER BY h.n DESC LIMIT 1;
END
$$;
