-- Work that goes on after its request: each job is leased by one server at a time, and taken over when the lease ends.
CREATE TABLE jobs (
  id UUID NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  arguments TEXT NOT NULL,
  subject TEXT,
  state TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  run_after BIGINT NOT NULL,
  lease_owner UUID,
  lease_until BIGINT,
  progress TEXT,
  result TEXT,
  last_error TEXT,
  created_at BIGINT NOT NULL,
  finished_at BIGINT
);
CREATE INDEX ix_jobs_live ON jobs (kind, run_after) WHERE finished_at IS NULL;
-- One live job per subject; jobs without one are any number.
CREATE UNIQUE INDEX uq_jobs_subject ON jobs (kind, subject) WHERE finished_at IS NULL;
-- A message's job has the message's id: it says when and how often, the message what came of it. A message with a secret link
-- holds what the link is for; the secret is made when it leaves.
INSERT INTO jobs (id, kind, arguments, state, attempts, run_after, created_at)
SELECT id, 'mail', '{}', 'queued', 0, next_attempt_at, created_at FROM mails WHERE sent_at IS NULL;
DROP INDEX ix_mails_due;
ALTER TABLE mails DROP COLUMN next_attempt_at;
ALTER TABLE mails DROP COLUMN attempts;
ALTER TABLE mails ADD COLUMN failed_at BIGINT;
ALTER TABLE mails ADD COLUMN account_id UUID REFERENCES accounts (id);
ALTER TABLE mails ADD COLUMN purpose TEXT;
ALTER TABLE mails ADD COLUMN template TEXT;
ALTER TABLE mails ADD COLUMN context TEXT;
CREATE INDEX ix_mails_open ON mails (failed_at) WHERE sent_at IS NULL;
-- Links that were sent stand in clear in what was kept of their messages.
UPDATE mails SET body = 'Ce message portait un lien personnel : son texte n''est pas conservé.'
WHERE sent_at IS NOT NULL AND body LIKE '%jeton=%';
-- Keys of access tokens, where the settings name none: all servers of one database agree.
CREATE TABLE signing_keys (
  id BIGINT NOT NULL PRIMARY KEY,
  seed TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
-- What this database was last used as: a copy of it is somewhere else, and knows it.
CREATE TABLE installation (
  single BIGINT NOT NULL PRIMARY KEY CHECK (single = 1),
  id UUID NOT NULL,
  fingerprint TEXT NOT NULL,
  adopted_at BIGINT NOT NULL
);
