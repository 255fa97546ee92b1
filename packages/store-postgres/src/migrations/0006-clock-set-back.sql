-- The store's time is the server's clock, and never runs backwards. A clock that is behind a time which was seen already by more
-- than a second (somebody set it back, a standby with another clock took over) would stop it for as long: so the time goes on
-- from there, for all processes, at nine tenths of the clock's speed, until the clock has caught up. Meanwhile it is this number
-- plus nine tenths of the clock. A sequence, because that is read as fast as the clock itself, and not undone with a transaction.
CREATE SEQUENCE slow_clock_offset MINVALUE 0;
GRANT SELECT ON SEQUENCE slow_clock_offset TO PUBLIC;

CREATE FUNCTION server_clock() RETURNS bigint LANGUAGE sql VOLATILE
RETURN (date_part('epoch', clock_timestamp()) * 1000)::bigint;

CREATE FUNCTION slow_clock() RETURNS bigint LANGUAGE sql VOLATILE
RETURN coalesce(pg_sequence_last_value('slow_clock_offset'), 0) + server_clock() * 9 / 10;

-- The time for a caller who has seen a later one than the clock's. Of callers at the same moment the one that has seen the
-- latest may be overruled, and then asks again. Roles that only submit are held still until a server has asked.
CREATE FUNCTION count_on(p_at_least bigint) RETURNS bigint LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
BEGIN
  IF greatest(server_clock(), slow_clock()) < p_at_least - 1000 AND has_sequence_privilege('slow_clock_offset', 'UPDATE')
    AND current_setting('transaction_read_only') = 'off' THEN
    PERFORM setval('slow_clock_offset', p_at_least - server_clock() * 9 / 10);
  END IF;
  RETURN p_at_least;
END
$$;

-- Replaced under its name, so that servers of the version before go by the same time.
CREATE OR REPLACE FUNCTION server_now(p_now bigint, p_at_least bigint) RETURNS bigint LANGUAGE sql VOLATILE
RETURN coalesce(
  p_now,
  greatest(server_clock(), slow_clock(), CASE WHEN server_clock() < p_at_least THEN count_on(p_at_least) END)
);
