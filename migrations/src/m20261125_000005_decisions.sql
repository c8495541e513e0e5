-- A sheet that the chair opened again says who, why and when, while it is open.
ALTER TABLE sheets ADD COLUMN reopened_at BIGINT;
ALTER TABLE sheets ADD COLUMN reopened_by UUID REFERENCES accounts (id);
ALTER TABLE sheets ADD COLUMN reopened_because TEXT;
-- Every reopening, for good. Its number, that of a recusal and that of a ranking come from one series of the call: a ranking has
-- seen the first so many of them, whatever the clock says of two that were written at the same instant.
CREATE TABLE sheet_reopenings (
  id UUID NOT NULL PRIMARY KEY,
  sheet_id UUID NOT NULL REFERENCES sheets (id),
  dossier_id UUID NOT NULL REFERENCES dossiers (id),
  number BIGINT NOT NULL,
  reason TEXT NOT NULL,
  at BIGINT NOT NULL,
  by_account UUID NOT NULL REFERENCES accounts (id)
);
CREATE INDEX ix_sheet_reopenings_dossier ON sheet_reopenings (dossier_id);
ALTER TABLE recusals ADD COLUMN number BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rankings ADD COLUMN upsets BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rankings ADD COLUMN number BIGINT NOT NULL DEFAULT 0;
INSERT INTO counters (call_id, name, value) SELECT id, 'upsets', 0 FROM calls;
-- What a decision rests on, and who confirmed it after that had changed.
ALTER TABLE decisions ADD COLUMN inputs_sha256 TEXT;
ALTER TABLE decisions ADD COLUMN upsets BIGINT NOT NULL DEFAULT 0;
ALTER TABLE decisions ADD COLUMN confirmed_at BIGINT;
ALTER TABLE decisions ADD COLUMN confirmed_by UUID REFERENCES accounts (id);
ALTER TABLE decision_history ADD COLUMN inputs_sha256 TEXT;
UPDATE decisions SET inputs_sha256 = (SELECT input_sha256 FROM rankings WHERE rankings.id = decisions.ranking_id);
