-- How often defaults of types were declared, in any namespace: every beat says it, so that a process reads anew only what may
-- have changed.
CREATE TABLE declarations (n bigint NOT NULL);
INSERT INTO declarations SELECT count(*) FROM type_defaults;

-- As `declare_types`, and counted.
CREATE FUNCTION declare_types_2(p_namespace text, p_types text[], p_defaults text[], p_limit integer) RETURNS boolean
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
BEGIN
  IF NOT declare_types(p_namespace, p_types, p_defaults, p_limit) THEN
    RETURN false;
  END IF;
  UPDATE declarations SET n = n + 1;
  RETURN true;
END
$$;
