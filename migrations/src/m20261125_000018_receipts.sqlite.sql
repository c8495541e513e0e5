-- A receipt has a number of its own, which nobody guesses: whoever holds it may ask whether it is genuine. Those that were given out
-- before get theirs here; their bytes stay as they are, and are found by their SHA-256.
ALTER TABLE documents ADD COLUMN number TEXT;
UPDATE documents SET number = lower(hex(randomblob(16))) WHERE kind = 'receipt';
CREATE UNIQUE INDEX uq_documents_number ON documents (number);
CREATE INDEX ix_documents_sha256 ON documents (sha256);
