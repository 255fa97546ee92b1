-- What claimers ask for at a process, as JSON, and when that was said. Beats of the version before leave it as it is.
ALTER TABLE nodes ADD COLUMN claimers text;
ALTER TABLE nodes ADD COLUMN claimers_at bigint;

-- How many ready tasks of its lane come before one, up to `p_most`; no row: it is not ready, or of another namespace. Backwards
-- from the task: the beginning of a lane may be full of the dead rows of tasks that were claimed.
CREATE FUNCTION position_in_lane(p_id uuid, p_namespace text, p_most integer) RETURNS TABLE (before bigint) LANGUAGE sql STABLE
SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_sort = off SET jit = off
AS $$
  SELECT (
    SELECT count(*) FROM (
      SELECT FROM ready o WHERE o.lane = r.lane AND (o.rank, o.ready_at, o.seq) < (r.rank, r.ready_at, r.seq)
      ORDER BY o.rank DESC, o.ready_at DESC, o.seq DESC LIMIT p_most
    ) AS earlier
  )
  FROM ready r WHERE r.id = p_id AND is_lane_of(r.lane, p_namespace)
$$;
