//! Letters to applicants.

entities! {
    signatories = "signatories" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        call_id: Uuid,
        first_name: String,
        last_name: String,
        quality: String,
        service: String,
        delegation: String,
        created_at: i64,
        created_by: Uuid,
        ended_at: Option<i64>,
    }
    letters = "letters" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        call_id: Uuid,
        dossier_id: Uuid,
        deliberation_id: Option<Uuid>,
        kind: String,
        title: String,
        body: String,
        facts: String,
        state: String,
        channel: Option<String>,
        revision: i64,
        created_at: i64,
        created_by: Uuid,
        approved_at: Option<i64>,
        approved_by: Option<Uuid>,
        sent_at: Option<i64>,
        opened_at: Option<i64>,
        received_on: Option<String>,
    }
    letter_history = "letter_history" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        letter_id: Uuid,
        act: String,
        revision: i64,
        title: Option<String>,
        body: Option<String>,
        detail: String,
        mail_id: Option<Uuid>,
        at: i64,
        by_account: Option<Uuid>,
    }
    electronic_notifications = "electronic_notifications" {
        #[sea_orm(primary_key, auto_increment = false)]
        dossier_id: Uuid,
        accepted: bool,
        at: i64,
        by_account: Uuid,
    }
}
