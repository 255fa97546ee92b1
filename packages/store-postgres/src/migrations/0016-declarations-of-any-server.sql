-- Every change of defaults is counted, whoever makes it: servers of the version before, which know nothing of the count, too. So
-- `declare_types` will do; `declare_types_2` counts once more, which does no harm, and stays for servers that call it.
CREATE FUNCTION count_declaration() RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
BEGIN
  UPDATE declarations SET n = n + 1;
  RETURN NULL;
END
$$;
CREATE TRIGGER count_declaration AFTER INSERT OR UPDATE OR DELETE ON type_defaults
FOR EACH STATEMENT EXECUTE FUNCTION count_declaration();

-- Declared since the count was made, by servers of the version before.
UPDATE declarations SET n = n + 1;
