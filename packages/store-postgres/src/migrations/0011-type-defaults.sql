-- What submissions of a type get that do not say otherwise.
CREATE TABLE type_defaults (
  namespace text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL,
  defaults text NOT NULL, -- JSON
  PRIMARY KEY (namespace, type)
);

-- Sets the defaults of types, each named once, or takes them away where there are none (an empty text). `false`: there would be
-- more than the limit, and nothing was changed. Declarations of a namespace take turns.
CREATE FUNCTION declare_types(p_namespace text, p_types text[], p_defaults text[], p_limit integer) RETURNS boolean
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('taskyard types ' || current_schema() || ' ' || p_namespace, 0));
  IF p_limit < (
    SELECT count(*) FROM type_defaults t WHERE t.namespace = p_namespace AND t.type <> ALL (p_types)
  ) + (
    SELECT count(*) FROM unnest(p_defaults) AS d WHERE d <> ''
  ) THEN
    RETURN false;
  END IF;
  DELETE FROM type_defaults t USING unnest(p_types, p_defaults) AS d (type, defaults)
  WHERE t.namespace = p_namespace AND t.type = d.type AND d.defaults = '';
  INSERT INTO type_defaults AS t (namespace, type, defaults)
  SELECT p_namespace, d.type, d.defaults FROM unnest(p_types, p_defaults) AS d (type, defaults) WHERE d.defaults <> ''
  ON CONFLICT (namespace, type) DO UPDATE SET defaults = excluded.defaults WHERE t.defaults <> excluded.defaults;
  RETURN true;
END
$$;
