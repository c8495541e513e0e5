-- Questions on a call: asked privately, answered in public without a word of who asked.
CREATE TABLE questions (
  id UUID NOT NULL PRIMARY KEY,
  call_id UUID NOT NULL REFERENCES calls (id),
  text TEXT NOT NULL,
  asked_at BIGINT NOT NULL,
  asked_by UUID NOT NULL REFERENCES accounts (id),
  public_text TEXT NOT NULL,
  answer TEXT NOT NULL,
  answered_at BIGINT,
  published_at BIGINT,
  revision BIGINT NOT NULL
);
CREATE INDEX ix_questions_call ON questions (call_id);
-- What was answered, each time.
CREATE TABLE question_answers (
  id UUID NOT NULL PRIMARY KEY,
  question_id UUID NOT NULL REFERENCES questions (id),
  public_text TEXT NOT NULL,
  answer TEXT NOT NULL,
  published BOOLEAN NOT NULL,
  revision BIGINT NOT NULL,
  at BIGINT NOT NULL,
  by_account UUID NOT NULL REFERENCES accounts (id)
);
CREATE INDEX ix_question_answers_question ON question_answers (question_id);
