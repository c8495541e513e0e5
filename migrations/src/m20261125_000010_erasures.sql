-- What was erased as a whole: the number of a dossier. A tombstone names its row by an id that is nowhere else any more.
ALTER TABLE erasures ADD COLUMN subject TEXT NOT NULL DEFAULT '';
CREATE INDEX ix_erasures_at ON erasures (at, subject)
