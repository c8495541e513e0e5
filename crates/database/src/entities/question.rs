//! Questions on calls.

entities! {
    questions = "questions" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        call_id: Uuid,
        text: String,
        asked_at: i64,
        asked_by: Uuid,
        public_text: String,
        answer: String,
        answered_at: Option<i64>,
        published_at: Option<i64>,
        revision: i64,
    }
    question_answers = "question_answers" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        question_id: Uuid,
        public_text: String,
        answer: String,
        published: bool,
        revision: i64,
        at: i64,
        by_account: Uuid,
    }
}
