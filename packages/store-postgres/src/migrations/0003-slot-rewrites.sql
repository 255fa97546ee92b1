-- An old slot of time is rewritten before it is dropped: what must stay is copied in small steps, and the copy takes the
-- slot's place. Meanwhile triggers note which tasks of the slot have changed, so that these are copied again.

-- The rewriting under way: at most one.
CREATE TABLE slot_rewrites (
  target integer PRIMARY KEY, -- the number of the slot that is being made
  sources integer[] NOT NULL, -- neighbours, oldest first
  from_at bigint NOT NULL,
  to_at bigint NOT NULL,
  succeeded_until bigint NOT NULL, -- what ended until then is left behind
  failed_until bigint NOT NULL,
  stage text NOT NULL,
  copied_id uuid, -- waiting and running tasks are copied up to this
  source_at integer NOT NULL DEFAULT 1, -- finished ones up to this source and block
  block bigint NOT NULL DEFAULT 0
);

-- Tasks of a slot that changed while it was being rewritten. A finished task that came or went says what it counts.
CREATE TABLE slot_changes (
  slot integer NOT NULL,
  id uuid NOT NULL,
  lane integer,
  status smallint,
  tasks smallint,
  bytes integer,
  finished_at bigint
);

-- What the rewriting leaves behind, to be taken off the counters.
CREATE TABLE slot_removals (
  lane integer NOT NULL,
  status smallint NOT NULL,
  tasks bigint NOT NULL,
  bytes bigint NOT NULL
);

-- One row: the process that cares for the slots, and until when, in milliseconds of the server's own clock.
CREATE TABLE slot_keeper (process text, until bigint NOT NULL);
INSERT INTO slot_keeper VALUES (NULL, 0);

CREATE FUNCTION note_slot_change() RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
BEGIN
  INSERT INTO slot_changes (slot, id) VALUES (TG_ARGV[0]::integer, coalesce(NEW.id, OLD.id));
  RETURN NULL;
END
$$;

CREATE FUNCTION note_slot_finish() RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO slot_changes VALUES (TG_ARGV[0]::integer, OLD.id, OLD.lane, OLD.status, -1, -OLD.bytes, OLD.finished_at);
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO slot_changes VALUES (TG_ARGV[0]::integer, NEW.id, NEW.lane, NEW.status, 1, NEW.bytes, NEW.finished_at);
  END IF;
  RETURN NULL;
END
$$;
