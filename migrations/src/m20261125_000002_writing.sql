-- Acts that are recorded and not yet linked into their chain: each commits with what it records, and the sequencer moves it
-- to the journal within a second.
CREATE TABLE journal_pending (
  id UUID NOT NULL PRIMARY KEY,
  scope TEXT NOT NULL,
  at BIGINT NOT NULL,
  actor UUID,
  action TEXT NOT NULL,
  subject_kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  details TEXT NOT NULL
);
-- What /readyz writes to know that writing works.
CREATE TABLE pulse (
  id BIGINT NOT NULL PRIMARY KEY,
  at BIGINT NOT NULL
);
INSERT INTO pulse (id, at) VALUES (1, 0);
