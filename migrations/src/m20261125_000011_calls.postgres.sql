-- The versions of a call are its truth; beside them a call has what is being written: itself until it is published, then a
-- correction that is prepared.
ALTER TABLE calls ADD COLUMN number_prefix TEXT;
ALTER TABLE calls ADD COLUMN draft TEXT;
UPDATE calls SET draft = definition WHERE version = 0;
-- No two calls number their dossiers alike. Of those that did until now the first keeps the prefix; the others are left as they are.
UPDATE calls SET number_prefix = (calls.definition::json ->> 'number_prefix') WHERE NOT EXISTS (
  SELECT 1 FROM calls other WHERE other.id < calls.id AND (other.definition::json ->> 'number_prefix') = (calls.definition::json ->> 'number_prefix')
);
CREATE UNIQUE INDEX uq_calls_prefix ON calls (number_prefix);
ALTER TABLE calls DROP COLUMN definition;

-- What an officer may do in a call: whoever ran one so far owns it.
ALTER TABLE officers ADD COLUMN role TEXT NOT NULL DEFAULT 'owner';

-- Who may create calls: named by an administrator. Whoever runs one may.
ALTER TABLE accounts ADD COLUMN officer BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE accounts SET officer = TRUE WHERE id IN (SELECT account_id FROM officers);

-- Who is invited to run a call; nobody does before they accept.
CREATE TABLE officer_invitations (
  id UUID NOT NULL PRIMARY KEY,
  call_id UUID NOT NULL REFERENCES calls (id),
  account_id UUID NOT NULL REFERENCES accounts (id),
  role TEXT NOT NULL,
  name TEXT NOT NULL,
  email TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by UUID NOT NULL REFERENCES accounts (id),
  closed_at BIGINT,
  outcome TEXT
);
CREATE UNIQUE INDEX uq_officer_invitations_open ON officer_invitations (call_id, account_id) WHERE closed_at IS NULL;
CREATE INDEX ix_officer_invitations_account ON officer_invitations (account_id);
