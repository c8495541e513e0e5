-- A decision that goes beyond published rules says which, as a JSON array of their codes, and why.
ALTER TABLE decisions ADD COLUMN override_rules TEXT;
ALTER TABLE decisions ADD COLUMN override_reason TEXT;
ALTER TABLE decision_history ADD COLUMN override_rules TEXT;
ALTER TABLE decision_history ADD COLUMN override_reason TEXT;
