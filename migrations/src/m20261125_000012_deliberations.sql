-- What the assembly decided: its number and day, what made it executory, when those whom it concerns were told.
CREATE TABLE deliberations (
  id UUID NOT NULL PRIMARY KEY,
  call_id UUID NOT NULL REFERENCES calls (id),
  number TEXT NOT NULL,
  held_on TEXT NOT NULL,
  link TEXT NOT NULL,
  lots TEXT NOT NULL,
  state TEXT NOT NULL,
  transmitted_on TEXT,
  published_on TEXT,
  receipt TEXT,
  notified_at BIGINT,
  notified_by UUID REFERENCES accounts (id),
  revision BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by UUID NOT NULL REFERENCES accounts (id),
  CONSTRAINT uq_deliberations_number UNIQUE (call_id, number)
);
-- Decisions as they were put before it.
CREATE TABLE deliberation_decisions (
  id UUID NOT NULL PRIMARY KEY,
  deliberation_id UUID NOT NULL REFERENCES deliberations (id),
  dossier_id UUID NOT NULL REFERENCES dossiers (id),
  kind TEXT NOT NULL,
  amount_cents BIGINT,
  decided_at BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  CONSTRAINT uq_deliberation_decisions UNIQUE (deliberation_id, dossier_id)
);
CREATE INDEX ix_deliberation_decisions_dossier ON deliberation_decisions (dossier_id);
-- What it said after each act on it, corrections included.
CREATE TABLE deliberation_history (
  id UUID NOT NULL PRIMARY KEY,
  deliberation_id UUID NOT NULL REFERENCES deliberations (id),
  act TEXT NOT NULL,
  number TEXT NOT NULL,
  held_on TEXT NOT NULL,
  link TEXT NOT NULL,
  state TEXT NOT NULL,
  transmitted_on TEXT,
  published_on TEXT,
  receipt TEXT,
  reason TEXT NOT NULL,
  revision BIGINT NOT NULL,
  at BIGINT NOT NULL,
  by_account UUID NOT NULL REFERENCES accounts (id)
);
CREATE INDEX ix_deliberation_history_deliberation ON deliberation_history (deliberation_id);
