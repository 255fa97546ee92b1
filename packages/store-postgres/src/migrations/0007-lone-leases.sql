-- Leases whose ends count as `lone_crashes` of tasks that have not ended. What is `taken_back`, because the worker was heard of
-- after all, is taken off that number when the next lease of the task ends.
CREATE TABLE lone_leases (
  id uuid NOT NULL,
  token integer NOT NULL,
  taken_back boolean NOT NULL DEFAULT false,
  PRIMARY KEY (id, token)
);
