-- A task's immutable part is written once; its state moves between narrow tables, so that a claim or a settlement never
-- rewrites a payload: scheduled -> ready -> leases -> finished.

-- Interned (namespace, queue, type): ready tasks are found per lane, so a lane nobody claims slows no other.
CREATE TABLE lanes (
  lane INTEGER PRIMARY KEY,
  namespace TEXT NOT NULL,
  queue TEXT NOT NULL,
  type TEXT NOT NULL,
  UNIQUE (namespace, queue, type)
) STRICT;

-- One row per lane, updated once per transaction.
CREATE TABLE counters (
  lane INTEGER PRIMARY KEY,
  scheduled INTEGER NOT NULL,
  queued INTEGER NOT NULL,
  running INTEGER NOT NULL,
  succeeded INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  cancelled INTEGER NOT NULL,
  finished_total INTEGER NOT NULL,
  finished_bytes INTEGER NOT NULL
) STRICT;

CREATE TABLE paused_queues (
  namespace TEXT NOT NULL,
  queue TEXT NOT NULL,
  PRIMARY KEY (namespace, queue)
) STRICT, WITHOUT ROWID;

CREATE TABLE tasks (
  seq INTEGER PRIMARY KEY, -- order of submission
  id TEXT NOT NULL UNIQUE,
  lane INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  payload TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  run_at INTEGER NOT NULL,
  max_attempts INTEGER NOT NULL,
  timeout_seconds REAL,
  backoff TEXT, -- JSON; NULL: the default
  tags TEXT, -- JSON; NULL: none
  idempotency_key TEXT
) STRICT;
CREATE INDEX tasks_by_lane ON tasks (lane, seq);

CREATE TABLE task_tags (
  namespace TEXT NOT NULL,
  tag TEXT NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (namespace, tag, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
  namespace TEXT NOT NULL,
  key TEXT NOT NULL,
  task_id TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (namespace, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);

CREATE TABLE scheduled (
  seq INTEGER PRIMARY KEY,
  lane INTEGER NOT NULL,
  run_at INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  token INTEGER NOT NULL,
  crashes INTEGER NOT NULL
) STRICT;
CREATE INDEX scheduled_by_time ON scheduled (run_at);

CREATE TABLE ready (
  seq INTEGER PRIMARY KEY,
  lane INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  ready_at INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  token INTEGER NOT NULL,
  crashes INTEGER NOT NULL
) STRICT;
CREATE INDEX ready_in_order ON ready (lane, priority DESC, ready_at, seq);

-- As many rows as tasks run now, so it is scanned rather than indexed by time.
CREATE TABLE leases (
  seq INTEGER PRIMARY KEY,
  lane INTEGER NOT NULL,
  token INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  crashes INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  deadline_at INTEGER,
  worker_id TEXT NOT NULL,
  node_id TEXT,
  session INTEGER NOT NULL,
  ready_at INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  cancel_requested_at INTEGER,
  progress TEXT,
  records INTEGER NOT NULL, -- history lines of this attempt, for their bound
  bytes INTEGER NOT NULL -- of the payload, for retention
) STRICT;

CREATE TABLE finished (
  n INTEGER PRIMARY KEY, -- order of finishing
  seq INTEGER NOT NULL,
  lane INTEGER NOT NULL,
  status INTEGER NOT NULL, -- 1 succeeded, 2 failed, 3 cancelled
  attempt INTEGER NOT NULL,
  token INTEGER NOT NULL,
  crashes INTEGER NOT NULL,
  worker_id TEXT,
  started_at INTEGER,
  finished_at INTEGER NOT NULL,
  result TEXT,
  error TEXT, -- JSON
  progress TEXT,
  bytes INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX finished_by_lane ON finished (lane, status, seq);
CREATE INDEX finished_failed ON finished (n) WHERE status = 2;

CREATE TABLE history (
  seq INTEGER NOT NULL,
  n INTEGER NOT NULL,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  token INTEGER NOT NULL,
  started_at INTEGER,
  worker_id TEXT,
  data TEXT, -- JSON
  PRIMARY KEY (seq, n)
) STRICT, WITHOUT ROWID;

-- Written by the health check, so that a disk that takes no writes is noticed.
CREATE TABLE health_probe (id INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT;
