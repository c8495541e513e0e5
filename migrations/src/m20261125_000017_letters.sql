-- Who signs letters of a call, and by which delegation (CRPA L.212-1).
CREATE TABLE signatories (
  id UUID NOT NULL PRIMARY KEY,
  call_id UUID NOT NULL REFERENCES calls (id),
  first_name TEXT NOT NULL,
  last_name TEXT NOT NULL,
  quality TEXT NOT NULL,
  service TEXT NOT NULL,
  delegation TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by UUID NOT NULL REFERENCES accounts (id),
  ended_at BIGINT
);
CREATE INDEX ix_signatories_call ON signatories (call_id);
-- Letters to applicants: written, read and approved by an officer, sent. Facts are what stands around the text, as JSON.
CREATE TABLE letters (
  id UUID NOT NULL PRIMARY KEY,
  call_id UUID NOT NULL REFERENCES calls (id),
  dossier_id UUID NOT NULL REFERENCES dossiers (id),
  deliberation_id UUID REFERENCES deliberations (id),
  kind TEXT NOT NULL,
  title TEXT NOT NULL,
  body TEXT NOT NULL,
  facts TEXT NOT NULL,
  state TEXT NOT NULL,
  channel TEXT,
  revision BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by UUID NOT NULL REFERENCES accounts (id),
  approved_at BIGINT,
  approved_by UUID REFERENCES accounts (id),
  sent_at BIGINT,
  opened_at BIGINT,
  received_on TEXT
);
CREATE INDEX ix_letters_call ON letters (call_id, state);
CREATE INDEX ix_letters_dossier ON letters (dossier_id);
-- One live letter for a decision of a deliberation; outside deliberations, one of a kind that has not left yet.
CREATE UNIQUE INDEX uq_letters_deliberation ON letters (deliberation_id, dossier_id)
  WHERE deliberation_id IS NOT NULL AND state <> 'void';
CREATE UNIQUE INDEX uq_letters_kind ON letters (dossier_id, kind)
  WHERE deliberation_id IS NULL AND state <> 'void' AND state <> 'sent';
-- Every act on a letter, the proofs of what became of it among them.
CREATE TABLE letter_history (
  id UUID NOT NULL PRIMARY KEY,
  letter_id UUID NOT NULL REFERENCES letters (id),
  act TEXT NOT NULL,
  revision BIGINT NOT NULL,
  title TEXT,
  body TEXT,
  detail TEXT NOT NULL,
  mail_id UUID REFERENCES mails (id),
  at BIGINT NOT NULL,
  by_account UUID REFERENCES accounts (id)
);
CREATE INDEX ix_letter_history_letter ON letter_history (letter_id);
-- Whether an applicant accepts to be notified in their space.
CREATE TABLE electronic_notifications (
  dossier_id UUID NOT NULL PRIMARY KEY REFERENCES dossiers (id),
  accepted BOOLEAN NOT NULL,
  at BIGINT NOT NULL,
  by_account UUID NOT NULL REFERENCES accounts (id)
);
