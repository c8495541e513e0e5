CREATE TABLE accounts (
  id UUID NOT NULL PRIMARY KEY,
  email TEXT NOT NULL,
  name TEXT NOT NULL,
  password_hash TEXT,
  email_confirmed_at BIGINT,
  administrator BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL,
  disabled_at BIGINT,
  CONSTRAINT uq_accounts_email UNIQUE (email)
);
CREATE TABLE account_tokens (
  id UUID NOT NULL PRIMARY KEY,
  account_id UUID NOT NULL REFERENCES accounts (id),
  purpose TEXT NOT NULL,
  token_hash TEXT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT,
  created_at BIGINT NOT NULL,
  CONSTRAINT uq_account_tokens_hash UNIQUE (token_hash)
);
CREATE TABLE sessions (
  id UUID NOT NULL PRIMARY KEY,
  account_id UUID NOT NULL REFERENCES accounts (id),
  family UUID NOT NULL,
  refresh_hash TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  rotated_at BIGINT,
  revoked_at BIGINT,
  CONSTRAINT uq_sessions_hash UNIQUE (refresh_hash)
);
CREATE INDEX ix_sessions_family ON sessions (family);
CREATE INDEX ix_sessions_account ON sessions (account_id);
CREATE TABLE organisations (
  id UUID NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  siret TEXT NOT NULL,
  rna TEXT,
  legal_form TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by UUID NOT NULL REFERENCES accounts (id)
);
CREATE TABLE memberships (
  organisation_id UUID NOT NULL REFERENCES organisations (id),
  account_id UUID NOT NULL REFERENCES accounts (id),
  created_at BIGINT NOT NULL,
  CONSTRAINT pk_memberships PRIMARY KEY (organisation_id, account_id)
);
CREATE INDEX ix_memberships_account ON memberships (account_id);
CREATE TABLE calls (
  id UUID NOT NULL PRIMARY KEY,
  code TEXT NOT NULL,
  state TEXT NOT NULL,
  version BIGINT NOT NULL,
  definition TEXT NOT NULL,
  revision BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  published_at BIGINT,
  CONSTRAINT uq_calls_code UNIQUE (code)
);
CREATE TABLE call_versions (
  call_id UUID NOT NULL REFERENCES calls (id),
  version BIGINT NOT NULL,
  definition TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  published_at BIGINT NOT NULL,
  notice TEXT,
  CONSTRAINT pk_call_versions PRIMARY KEY (call_id, version)
);
CREATE TABLE officers (
  call_id UUID NOT NULL REFERENCES calls (id),
  account_id UUID NOT NULL REFERENCES accounts (id),
  created_at BIGINT NOT NULL,
  CONSTRAINT pk_officers PRIMARY KEY (call_id, account_id)
);
CREATE INDEX ix_officers_account ON officers (account_id);
CREATE TABLE counters (
  call_id UUID NOT NULL REFERENCES calls (id),
  name TEXT NOT NULL,
  value BIGINT NOT NULL,
  CONSTRAINT pk_counters PRIMARY KEY (call_id, name)
);
CREATE TABLE dossiers (
  id UUID NOT NULL PRIMARY KEY,
  call_id UUID NOT NULL REFERENCES calls (id),
  organisation_id UUID NOT NULL REFERENCES organisations (id),
  lot TEXT NOT NULL,
  number BIGINT NOT NULL,
  state TEXT NOT NULL,
  revision BIGINT NOT NULL,
  answers_revision BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by UUID NOT NULL REFERENCES accounts (id),
  deposited_at BIGINT,
  withdrawn_at BIGINT,
  inadmissible_reason TEXT,
  inadmissible_comment TEXT,
  CONSTRAINT uq_dossiers_number UNIQUE (call_id, number),
  CONSTRAINT uq_dossiers_lot UNIQUE (call_id, organisation_id, lot)
);
CREATE INDEX ix_dossiers_state ON dossiers (call_id, state, lot);
CREATE INDEX ix_dossiers_organisation ON dossiers (organisation_id);
CREATE TABLE answers (
  dossier_id UUID NOT NULL REFERENCES dossiers (id),
  field TEXT NOT NULL,
  value TEXT,            -- the last valid value, JSON
  draft_input TEXT,      -- what was typed since, when it is not valid: nothing typed is lost
  revision BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  updated_by UUID NOT NULL REFERENCES accounts (id),
  CONSTRAINT pk_answers PRIMARY KEY (dossier_id, field)
);
CREATE TABLE answer_history (
  id UUID NOT NULL PRIMARY KEY,
  dossier_id UUID NOT NULL REFERENCES dossiers (id),
  field TEXT NOT NULL,
  value TEXT,
  draft_input TEXT,
  revision BIGINT NOT NULL,
  at BIGINT NOT NULL,
  by_account UUID NOT NULL REFERENCES accounts (id)
);
CREATE INDEX ix_answer_history_dossier ON answer_history (dossier_id, field);
CREATE TABLE pieces (
  id UUID NOT NULL PRIMARY KEY,
  dossier_id UUID NOT NULL REFERENCES dossiers (id),
  slot TEXT NOT NULL,
  name TEXT NOT NULL,
  format TEXT NOT NULL,
  size BIGINT NOT NULL,
  sha256 TEXT NOT NULL,
  object_key TEXT NOT NULL,
  scan TEXT NOT NULL,
  uploaded_at BIGINT NOT NULL,
  uploaded_by UUID NOT NULL REFERENCES accounts (id),
  removed_at BIGINT,
  CONSTRAINT uq_pieces_key UNIQUE (object_key)
);
CREATE INDEX ix_pieces_dossier ON pieces (dossier_id, slot);
CREATE TABLE deposits (
  id UUID NOT NULL PRIMARY KEY,
  dossier_id UUID NOT NULL REFERENCES dossiers (id),
  version BIGINT NOT NULL,
  deposited_at BIGINT NOT NULL,
  deposited_by UUID NOT NULL REFERENCES accounts (id),
  content TEXT NOT NULL,
  content_sha256 TEXT NOT NULL,
  taken_back_at BIGINT,
  CONSTRAINT uq_deposits_version UNIQUE (dossier_id, version)
);
CREATE TABLE seats (
  id UUID NOT NULL PRIMARY KEY,
  call_id UUID NOT NULL REFERENCES calls (id),
  account_id UUID NOT NULL REFERENCES accounts (id),
  label TEXT NOT NULL,
  college TEXT NOT NULL,
  voice TEXT NOT NULL,
  chair BOOLEAN NOT NULL,
  declared_at BIGINT,
  created_at BIGINT NOT NULL,
  CONSTRAINT uq_seats_account UNIQUE (call_id, account_id),
  CONSTRAINT uq_seats_label UNIQUE (call_id, label)
);
CREATE INDEX ix_seats_account ON seats (account_id);
CREATE TABLE recusals (
  id UUID NOT NULL PRIMARY KEY,
  seat_id UUID NOT NULL REFERENCES seats (id),
  lot TEXT,
  dossier_id UUID REFERENCES dossiers (id),
  reason TEXT NOT NULL,
  comment TEXT NOT NULL,
  origin TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by UUID NOT NULL REFERENCES accounts (id)
);
CREATE INDEX ix_recusals_seat ON recusals (seat_id);
CREATE TABLE sheets (
  id UUID NOT NULL PRIMARY KEY,
  seat_id UUID NOT NULL REFERENCES seats (id),
  dossier_id UUID NOT NULL REFERENCES dossiers (id),
  state TEXT NOT NULL,
  revision BIGINT NOT NULL,
  assigned_at BIGINT NOT NULL,
  assigned_by UUID NOT NULL REFERENCES accounts (id),
  removed_at BIGINT,
  updated_at BIGINT NOT NULL,
  locked_at BIGINT,
  CONSTRAINT uq_sheets_seat UNIQUE (seat_id, dossier_id)
);
CREATE INDEX ix_sheets_dossier ON sheets (dossier_id);
CREATE TABLE marks (
  sheet_id UUID NOT NULL REFERENCES sheets (id),
  criterion TEXT NOT NULL,
  mark BIGINT,           -- steps above the scale's minimum
  comment TEXT NOT NULL,
  updated_at BIGINT NOT NULL,
  CONSTRAINT pk_marks PRIMARY KEY (sheet_id, criterion)
);
CREATE TABLE mark_history (
  id UUID NOT NULL PRIMARY KEY,
  sheet_id UUID NOT NULL REFERENCES sheets (id),
  criterion TEXT NOT NULL,
  mark BIGINT,
  comment TEXT NOT NULL,
  revision BIGINT NOT NULL,
  at BIGINT NOT NULL,
  by_account UUID NOT NULL REFERENCES accounts (id)
);
CREATE INDEX ix_mark_history_sheet ON mark_history (sheet_id, criterion);
CREATE TABLE rankings (
  id UUID NOT NULL PRIMARY KEY,
  call_id UUID NOT NULL REFERENCES calls (id),
  call_version BIGINT NOT NULL,
  computed_at BIGINT NOT NULL,
  computed_by UUID NOT NULL REFERENCES accounts (id),
  engine TEXT NOT NULL,
  input_sha256 TEXT NOT NULL,
  inputs TEXT NOT NULL,
  result TEXT NOT NULL
);
CREATE INDEX ix_rankings_call ON rankings (call_id, computed_at);
CREATE TABLE decisions (
  dossier_id UUID NOT NULL PRIMARY KEY REFERENCES dossiers (id),
  kind TEXT NOT NULL,
  amount_cents BIGINT,
  reason TEXT NOT NULL,
  ranking_id UUID REFERENCES rankings (id),
  revision BIGINT NOT NULL,
  decided_at BIGINT NOT NULL,
  decided_by UUID NOT NULL REFERENCES accounts (id)
);
CREATE TABLE decision_history (
  id UUID NOT NULL PRIMARY KEY,
  dossier_id UUID NOT NULL REFERENCES dossiers (id),
  kind TEXT NOT NULL,
  amount_cents BIGINT,
  reason TEXT NOT NULL,
  ranking_id UUID REFERENCES rankings (id),
  revision BIGINT NOT NULL,
  at BIGINT NOT NULL,
  by_account UUID NOT NULL REFERENCES accounts (id)
);
CREATE TABLE journal_heads (
  scope TEXT NOT NULL PRIMARY KEY,
  seq BIGINT NOT NULL,
  hash TEXT NOT NULL
);
CREATE TABLE journal (
  scope TEXT NOT NULL,
  seq BIGINT NOT NULL,
  at BIGINT NOT NULL,
  actor UUID,
  action TEXT NOT NULL,
  subject_kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  details TEXT NOT NULL,
  hash TEXT NOT NULL,
  CONSTRAINT pk_journal PRIMARY KEY (scope, seq)
);
CREATE TABLE mails (
  id UUID NOT NULL PRIMARY KEY,
  recipient TEXT NOT NULL,
  subject TEXT NOT NULL,
  body TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  next_attempt_at BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  sent_at BIGINT,
  last_error TEXT
);
CREATE INDEX ix_mails_due ON mails (sent_at, next_attempt_at);
CREATE TABLE mail_attachments (
  id UUID NOT NULL PRIMARY KEY,
  mail_id UUID NOT NULL REFERENCES mails (id),
  name TEXT NOT NULL,
  content_type TEXT NOT NULL,
  content BYTEA NOT NULL
);
CREATE INDEX ix_mail_attachments_mail ON mail_attachments (mail_id);
CREATE TABLE idempotency_keys (
  account_id UUID NOT NULL REFERENCES accounts (id),
  key TEXT NOT NULL,
  request_sha256 TEXT NOT NULL,
  status BIGINT NOT NULL,
  body TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  CONSTRAINT pk_idempotency_keys PRIMARY KEY (account_id, key)
)
