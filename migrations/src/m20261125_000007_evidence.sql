-- Heads of the chains are history too: one row for each batch that was linked. A cut tail leaves heads that point nowhere.
ALTER TABLE journal_heads RENAME TO journal_heads_before;
CREATE TABLE journal_heads (
  scope TEXT NOT NULL,
  seq BIGINT NOT NULL,
  hash TEXT NOT NULL,
  linked_at BIGINT NOT NULL,
  CONSTRAINT pk_journal_heads PRIMARY KEY (scope, seq)
);
INSERT INTO journal_heads (scope, seq, hash, linked_at) SELECT scope, seq, hash, 0 FROM journal_heads_before WHERE seq > 0;
DROP TABLE journal_heads_before;
-- The one way in which a row of history goes: it leaves its hash, who asked, why, and the archivist's visa.
CREATE TABLE erasures (
  id UUID NOT NULL PRIMARY KEY,
  table_name TEXT NOT NULL,
  row_id TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  reason TEXT NOT NULL,
  visa TEXT NOT NULL,
  by_account UUID,
  at BIGINT NOT NULL,
  CONSTRAINT uq_erasures_row UNIQUE (table_name, row_id)
);
-- Who read what: one row for each person, thing and hour. No condition of reading. The hash of each batch is in the journal.
CREATE TABLE access_log (
  account_id UUID NOT NULL,
  kind TEXT NOT NULL,
  object TEXT NOT NULL,
  hour BIGINT NOT NULL,
  batch UUID NOT NULL,
  CONSTRAINT pk_access_log PRIMARY KEY (hour, account_id, kind, object)
);
CREATE INDEX ix_access_log_batch ON access_log (batch);
-- Public halves of the keys that sign evidence; never rotated away.
CREATE TABLE evidence_keys (
  public TEXT NOT NULL PRIMARY KEY,
  first_seen_at BIGINT NOT NULL
);
