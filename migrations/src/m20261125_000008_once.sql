-- What came of a request is kept in the transaction that did it: whole answers, some of them megabytes of marks, are kept no more.
DROP TABLE idempotency_keys;
CREATE TABLE idempotency_keys (
  account_id UUID NOT NULL REFERENCES accounts (id),
  key TEXT NOT NULL,
  request_sha256 TEXT NOT NULL,
  body TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  CONSTRAINT pk_idempotency_keys PRIMARY KEY (account_id, key)
);
CREATE INDEX ix_idempotency_keys_created ON idempotency_keys (created_at);
-- Stored objects that go at an instant unless a piece comes to name them: an upload on its way, a file that was refused, replaced
-- or taken out without ever having been filed.
CREATE TABLE doomed_objects (
  object_key TEXT NOT NULL PRIMARY KEY,
  after BIGINT NOT NULL
);
CREATE INDEX ix_doomed_objects_after ON doomed_objects (after);
