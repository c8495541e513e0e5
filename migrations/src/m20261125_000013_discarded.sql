-- A draft that was thrown away: it stays a row, which may come back, and holds no lot.
ALTER TABLE dossiers ADD COLUMN discarded_at BIGINT;
DROP INDEX uq_dossiers_live_lot;
CREATE UNIQUE INDEX uq_dossiers_live_lot ON dossiers (call_id, organisation_id, lot)
  WHERE state <> 'withdrawn' AND discarded_at IS NULL;
