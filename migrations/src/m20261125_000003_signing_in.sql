-- One row per sign-in: revoked once, it ends every token that names it. Two refresh tokens are known, the current one and the one
-- before it; `salt` is what makes the current one of the one before.
CREATE TABLE sign_ins (
  id UUID NOT NULL PRIMARY KEY,
  account_id UUID NOT NULL REFERENCES accounts (id),
  begun_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  revoked_at BIGINT,
  refresh_hash TEXT NOT NULL,
  previous_hash TEXT,
  salt TEXT,
  refreshed_at BIGINT NOT NULL,
  CONSTRAINT uq_sign_ins_refresh UNIQUE (refresh_hash)
);
CREATE INDEX ix_sign_ins_account ON sign_ins (account_id);
-- Sign-ins that stand are carried over, each with its newest token.
INSERT INTO sign_ins (id, account_id, begun_at, expires_at, refresh_hash, refreshed_at)
SELECT s.family, s.account_id, s.created_at, s.expires_at, s.refresh_hash, s.created_at FROM sessions s
WHERE s.revoked_at IS NULL AND NOT EXISTS (
  SELECT 1 FROM sessions n WHERE n.family = s.family AND n.revoked_at IS NULL
    AND (n.created_at > s.created_at OR (n.created_at = s.created_at AND n.id > s.id))
);
DROP TABLE sessions;

-- A link carries what its opening makes true: the password and the name that were typed with it, or the new address.
ALTER TABLE account_tokens ADD COLUMN password_hash TEXT;
ALTER TABLE account_tokens ADD COLUMN name TEXT;
ALTER TABLE account_tokens ADD COLUMN email TEXT;
ALTER TABLE account_tokens ADD COLUMN voided_at BIGINT;
CREATE INDEX ix_account_tokens_account ON account_tokens (account_id);
-- Nobody's password stands on an address that nobody has confirmed.
UPDATE account_tokens SET
  password_hash = (SELECT a.password_hash FROM accounts a WHERE a.id = account_tokens.account_id)
WHERE purpose = 'confirm_email' AND used_at IS NULL
  AND EXISTS (SELECT 1 FROM accounts a WHERE a.id = account_tokens.account_id AND a.email_confirmed_at IS NULL);
UPDATE accounts SET password_hash = NULL WHERE email_confirmed_at IS NULL;

-- How often something was tried: `subject` is the hash of an address, an account or a browser.
CREATE TABLE attempts (
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  since BIGINT NOT NULL,
  tries BIGINT NOT NULL,
  CONSTRAINT pk_attempts PRIMARY KEY (kind, subject)
);
CREATE INDEX ix_attempts_since ON attempts (since);

-- One SIRET is one organisation. Those that were registered twice before are kept apart.
ALTER TABLE organisations ADD COLUMN duplicate_of UUID REFERENCES organisations (id);
UPDATE organisations SET duplicate_of = (
  SELECT o.id FROM organisations o WHERE o.siret = organisations.siret ORDER BY o.created_at, o.id LIMIT 1
)
WHERE EXISTS (
  SELECT 1 FROM organisations e WHERE e.siret = organisations.siret
    AND (e.created_at < organisations.created_at OR (e.created_at = organisations.created_at AND e.id < organisations.id))
);
CREATE UNIQUE INDEX uq_organisations_siret ON organisations (siret) WHERE duplicate_of IS NULL;

-- Who is invited by an organisation's member, or asks its members to join; nobody is a member before the other side agrees.
CREATE TABLE invitations (
  id UUID NOT NULL PRIMARY KEY,
  organisation_id UUID NOT NULL REFERENCES organisations (id),
  account_id UUID NOT NULL REFERENCES accounts (id),
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  email TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by UUID NOT NULL REFERENCES accounts (id),
  closed_at BIGINT,
  outcome TEXT
);
CREATE UNIQUE INDEX uq_invitations_open ON invitations (organisation_id, account_id) WHERE closed_at IS NULL;
CREATE INDEX ix_invitations_account ON invitations (account_id);

ALTER TABLE seats ADD COLUMN accepted_at BIGINT;
UPDATE seats SET accepted_at = declared_at;
