-- A sheet that was opened again has a deadline of its own. Those that are open now got none: a week from their reopening.
ALTER TABLE sheets ADD COLUMN reopened_until BIGINT;
UPDATE sheets SET reopened_until = reopened_at + 604800000000 WHERE reopened_at IS NOT NULL;
ALTER TABLE sheet_reopenings ADD COLUMN until BIGINT;
-- A juror who signed asks the chair to open the sheet again. The request stands while the sheet is as it was then.
CREATE TABLE reopening_requests (
  id UUID NOT NULL PRIMARY KEY,
  sheet_id UUID NOT NULL REFERENCES sheets (id),
  sheet_revision BIGINT NOT NULL,
  reason TEXT NOT NULL,
  at BIGINT NOT NULL,
  by_account UUID NOT NULL REFERENCES accounts (id)
);
CREATE INDEX ix_reopening_requests_sheet ON reopening_requests (sheet_id, sheet_revision);
-- A juror who gives no mark on a criterion says why; it is neither zero nor counted.
ALTER TABLE marks ADD COLUMN abstention TEXT;
ALTER TABLE mark_history ADD COLUMN abstention TEXT;
