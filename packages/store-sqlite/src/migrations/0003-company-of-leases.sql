-- Another lease of the same worker ended without word while this one was held.
ALTER TABLE leases ADD COLUMN had_company INTEGER NOT NULL DEFAULT 0;
