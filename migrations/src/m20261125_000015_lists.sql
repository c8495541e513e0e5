-- Filed dossiers by number: a page far down the list skips entries of the index, and reads no row that it does not show.
CREATE INDEX ix_dossiers_filed ON dossiers (call_id, number) WHERE state <> 'draft';
-- How many sheets each seat was asked for, and how many of them are locked.
CREATE INDEX ix_sheets_progress ON sheets (seat_id, state) WHERE removed_at IS NULL;
