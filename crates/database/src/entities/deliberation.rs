//! What the assembly decided.

entities! {
    deliberations = "deliberations" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        call_id: Uuid,
        number: String,
        held_on: String,
        link: String,
        lots: String,
        state: String,
        transmitted_on: Option<String>,
        published_on: Option<String>,
        receipt: Option<String>,
        notified_at: Option<i64>,
        notified_by: Option<Uuid>,
        revision: i64,
        created_at: i64,
        created_by: Uuid,
    }
    deliberation_decisions = "deliberation_decisions" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        deliberation_id: Uuid,
        dossier_id: Uuid,
        kind: String,
        amount_cents: Option<i64>,
        decided_at: i64,
        revision: i64,
    }
    deliberation_history = "deliberation_history" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        deliberation_id: Uuid,
        act: String,
        number: String,
        held_on: String,
        link: String,
        state: String,
        transmitted_on: Option<String>,
        published_on: Option<String>,
        receipt: Option<String>,
        reason: String,
        revision: i64,
        at: i64,
        by_account: Uuid,
    }
}
