-- The name of the call that gave the lease, so that the call may be repeated.
ALTER TABLE leases ADD COLUMN request_id TEXT;

-- How workers ended leases otherwise than by success, so that their words may be repeated. What finished tells is not here.
CREATE TABLE settled (
  seq INTEGER NOT NULL,
  token INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  went_to TEXT NOT NULL,
  PRIMARY KEY (seq, token)
) STRICT, WITHOUT ROWID;

-- Crashes of workers that ran nothing else; few tasks have any.
CREATE TABLE lone_crashes (
  seq INTEGER PRIMARY KEY,
  crashes INTEGER NOT NULL
) STRICT;
