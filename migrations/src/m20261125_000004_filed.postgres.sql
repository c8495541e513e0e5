-- Who applied, as it was filed, beside the sealed content that says it: lists need not read contents. What the first format did
-- not keep is taken from the answers, then from the organisation.
ALTER TABLE deposits ADD COLUMN call_version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE deposits ADD COLUMN organisation_id UUID REFERENCES organisations (id);
ALTER TABLE deposits ADD COLUMN organisation TEXT NOT NULL DEFAULT '';
ALTER TABLE deposits ADD COLUMN siret TEXT NOT NULL DEFAULT '';
ALTER TABLE deposits ADD COLUMN legal_form TEXT NOT NULL DEFAULT '';
ALTER TABLE deposits ADD COLUMN rna TEXT;
UPDATE deposits SET
  call_version = (content::json ->> 'call_version')::bigint,
  organisation = content::json ->> 'organisation',
  siret = content::json ->> 'siret',
  organisation_id = (SELECT d.organisation_id FROM dossiers d WHERE d.id = deposits.dossier_id),
  legal_form = COALESCE(
    (SELECT deposits.content::json -> 'answers' ->> (c.definition::json -> 'rules' ->> 'legal_form_field')
       FROM dossiers d JOIN calls c ON c.id = d.call_id WHERE d.id = deposits.dossier_id),
    (SELECT o.legal_form FROM dossiers d JOIN organisations o ON o.id = d.organisation_id WHERE d.id = deposits.dossier_id),
    ''),
  rna = (SELECT o.rna FROM dossiers d JOIN organisations o ON o.id = d.organisation_id WHERE d.id = deposits.dossier_id);

-- What happened to a deposit after it was made: a change begun or dropped, a withdrawal, and, of old, that it was taken back.
CREATE TABLE deposit_changes (
  id UUID NOT NULL PRIMARY KEY,
  deposit_id UUID NOT NULL REFERENCES deposits (id),
  dossier_id UUID NOT NULL REFERENCES dossiers (id),
  kind TEXT NOT NULL,
  at BIGINT NOT NULL,
  by_account UUID NOT NULL REFERENCES accounts (id)
);
CREATE INDEX ix_deposit_changes_dossier ON deposit_changes (dossier_id);
INSERT INTO deposit_changes (id, deposit_id, dossier_id, kind, at, by_account)
  SELECT id, id, dossier_id, 'taken_back', taken_back_at, deposited_by FROM deposits WHERE taken_back_at IS NOT NULL;
ALTER TABLE deposits DROP COLUMN taken_back_at;

-- The deposit that counts, and the change under way. One live dossier for a lot: after a withdrawal there may be another one.
ALTER TABLE dossiers ADD COLUMN deposit_id UUID REFERENCES deposits (id);
ALTER TABLE dossiers ADD COLUMN editing_since BIGINT;
UPDATE dossiers SET deposit_id =
  (SELECT p.id FROM deposits p WHERE p.dossier_id = dossiers.id ORDER BY p.version DESC LIMIT 1)
  WHERE state <> 'draft';
ALTER TABLE dossiers DROP CONSTRAINT uq_dossiers_lot;
CREATE INDEX ix_dossiers_deposit ON dossiers (deposit_id);
CREATE UNIQUE INDEX uq_dossiers_live_lot ON dossiers (call_id, organisation_id, lot) WHERE state <> 'withdrawn';

-- What is given out: its facts as they were issued, and its bytes from the first time that it was drawn.
CREATE TABLE documents (
  id UUID NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  subject_kind TEXT NOT NULL,
  subject UUID NOT NULL,
  version BIGINT NOT NULL,
  name TEXT NOT NULL,
  media_type TEXT NOT NULL,
  record TEXT NOT NULL,
  bytes BYTEA,
  sha256 TEXT,
  created_at BIGINT NOT NULL,
  drawn_at BIGINT,
  CONSTRAINT uq_documents_subject UNIQUE (kind, subject, version)
);
ALTER TABLE mail_attachments ADD COLUMN document_id UUID REFERENCES documents (id);
