-- A file on its way in, in parts that the storage keeps: what was received goes on after a cut, a closed tab or a restart.
CREATE TABLE uploads (
  id UUID NOT NULL PRIMARY KEY,
  dossier_id UUID NOT NULL REFERENCES dossiers (id),
  slot TEXT NOT NULL,
  name TEXT NOT NULL,
  size BIGINT NOT NULL,
  sha256 TEXT,
  state TEXT NOT NULL,
  storage_id TEXT,
  object_key TEXT NOT NULL,
  piece_id UUID REFERENCES pieces (id),
  refusal TEXT,
  created_at BIGINT NOT NULL,
  created_by UUID NOT NULL REFERENCES accounts (id),
  completed_at BIGINT,
  CONSTRAINT uq_uploads_object UNIQUE (object_key)
);
CREATE INDEX ix_uploads_dossier ON uploads (dossier_id);
CREATE INDEX ix_uploads_created ON uploads (created_at);
