-- What submissions of a type get that do not say otherwise.
CREATE TABLE type_defaults (
  namespace TEXT NOT NULL,
  type TEXT NOT NULL,
  defaults TEXT NOT NULL, -- JSON
  PRIMARY KEY (namespace, type)
) STRICT, WITHOUT ROWID;
