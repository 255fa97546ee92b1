-- The tokens of the leases whose ends were counted, as JSON: a crash is taken back when the worker of its lease is heard of after all.
ALTER TABLE lone_crashes ADD COLUMN tokens TEXT NOT NULL DEFAULT '[]';
