//! Files on their way in.

entities! {
    uploads = "uploads" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        dossier_id: Uuid,
        slot: String,
        name: String,
        size: i64,
        sha256: Option<String>,
        state: String,
        storage_id: Option<String>,
        object_key: String,
        piece_id: Option<Uuid>,
        refusal: Option<String>,
        created_at: i64,
        created_by: Uuid,
        completed_at: Option<i64>,
    }
}
