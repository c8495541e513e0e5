//! The rows, as sea-orm knows them. They never leave this crate: queries give domain types or records made field by field.

macro_rules! entities {
    ($($module:ident = $table:literal { $($(#[$attribute:meta])* $field:ident: $type:ty,)* })*) => {$(
        #[expect(unreachable_pub, reason = "the derive wants public items; the module keeps them inside the crate")]
        pub(crate) mod $module {
            use sea_orm::entity::prelude::*;

            #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
            #[sea_orm(table_name = $table)]
            pub struct Model { $($(#[$attribute])* pub $field: $type,)* }

            #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        }
    )*};
}

pub(crate) mod deliberation;
pub(crate) mod letter;
pub(crate) mod question;
pub(crate) mod upload;

entities! {
    accounts = "accounts" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        email: String,
        name: String,
        password_hash: Option<String>,
        email_confirmed_at: Option<i64>,
        administrator: bool,
        created_at: i64,
        disabled_at: Option<i64>,
        officer: bool,
    }
    account_tokens = "account_tokens" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        account_id: Uuid,
        purpose: String,
        token_hash: String,
        expires_at: i64,
        used_at: Option<i64>,
        created_at: i64,
        password_hash: Option<String>,
        name: Option<String>,
        email: Option<String>,
        voided_at: Option<i64>,
    }
    sign_ins = "sign_ins" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        account_id: Uuid,
        begun_at: i64,
        expires_at: i64,
        revoked_at: Option<i64>,
        refresh_hash: String,
        previous_hash: Option<String>,
        salt: Option<String>,
        refreshed_at: i64,
    }
    attempts = "attempts" {
        #[sea_orm(primary_key, auto_increment = false)]
        kind: String,
        #[sea_orm(primary_key, auto_increment = false)]
        subject: String,
        since: i64,
        tries: i64,
    }
    organisations = "organisations" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        name: String,
        siret: String,
        rna: Option<String>,
        legal_form: String,
        created_at: i64,
        created_by: Uuid,
        duplicate_of: Option<Uuid>,
    }
    invitations = "invitations" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        organisation_id: Uuid,
        account_id: Uuid,
        kind: String,
        name: String,
        email: String,
        created_at: i64,
        created_by: Uuid,
        closed_at: Option<i64>,
        outcome: Option<String>,
    }
    memberships = "memberships" {
        #[sea_orm(primary_key, auto_increment = false)]
        organisation_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        account_id: Uuid,
        created_at: i64,
    }
    calls = "calls" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        code: String,
        state: String,
        version: i64,
        revision: i64,
        created_at: i64,
        published_at: Option<i64>,
        number_prefix: Option<String>,
        draft: Option<String>,
    }
    call_versions = "call_versions" {
        #[sea_orm(primary_key, auto_increment = false)]
        call_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        version: i64,
        definition: String,
        sha256: String,
        published_at: i64,
        notice: Option<String>,
    }
    officers = "officers" {
        #[sea_orm(primary_key, auto_increment = false)]
        call_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        account_id: Uuid,
        created_at: i64,
        role: String,
    }
    officer_invitations = "officer_invitations" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        call_id: Uuid,
        account_id: Uuid,
        role: String,
        name: String,
        email: String,
        created_at: i64,
        created_by: Uuid,
        closed_at: Option<i64>,
        outcome: Option<String>,
    }
    counters = "counters" {
        #[sea_orm(primary_key, auto_increment = false)]
        call_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        name: String,
        value: i64,
    }
    dossiers = "dossiers" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        call_id: Uuid,
        organisation_id: Uuid,
        lot: String,
        number: i64,
        state: String,
        revision: i64,
        answers_revision: i64,
        created_at: i64,
        created_by: Uuid,
        deposited_at: Option<i64>,
        withdrawn_at: Option<i64>,
        inadmissible_reason: Option<String>,
        inadmissible_comment: Option<String>,
        deposit_id: Option<Uuid>,
        editing_since: Option<i64>,
        discarded_at: Option<i64>,
    }
    answers = "answers" {
        #[sea_orm(primary_key, auto_increment = false)]
        dossier_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        field: String,
        value: Option<String>,
        draft_input: Option<String>,
        revision: i64,
        updated_at: i64,
        updated_by: Uuid,
    }
    answer_history = "answer_history" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        dossier_id: Uuid,
        field: String,
        value: Option<String>,
        draft_input: Option<String>,
        revision: i64,
        at: i64,
        by_account: Uuid,
    }
    pieces = "pieces" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        dossier_id: Uuid,
        slot: String,
        name: String,
        format: String,
        size: i64,
        sha256: String,
        object_key: String,
        scan: String,
        uploaded_at: i64,
        uploaded_by: Uuid,
        removed_at: Option<i64>,
    }
    deposits = "deposits" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        dossier_id: Uuid,
        version: i64,
        deposited_at: i64,
        deposited_by: Uuid,
        content: String,
        content_sha256: String,
        call_version: i64,
        organisation_id: Option<Uuid>,
        organisation: String,
        siret: String,
        legal_form: String,
        rna: Option<String>,
    }
    deposit_changes = "deposit_changes" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        deposit_id: Uuid,
        dossier_id: Uuid,
        kind: String,
        at: i64,
        by_account: Uuid,
    }
    documents = "documents" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        kind: String,
        subject_kind: String,
        subject: Uuid,
        version: i64,
        name: String,
        media_type: String,
        record: String,
        bytes: Option<Vec<u8>>,
        sha256: Option<String>,
        created_at: i64,
        drawn_at: Option<i64>,
        number: Option<String>,
    }
    seats = "seats" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        call_id: Uuid,
        account_id: Uuid,
        label: String,
        college: String,
        voice: String,
        chair: bool,
        declared_at: Option<i64>,
        created_at: i64,
        accepted_at: Option<i64>,
    }
    recusals = "recusals" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        seat_id: Uuid,
        lot: Option<String>,
        dossier_id: Option<Uuid>,
        reason: String,
        comment: String,
        origin: String,
        created_at: i64,
        created_by: Uuid,
        number: i64,
    }
    sheets = "sheets" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        seat_id: Uuid,
        dossier_id: Uuid,
        state: String,
        revision: i64,
        assigned_at: i64,
        assigned_by: Uuid,
        removed_at: Option<i64>,
        updated_at: i64,
        locked_at: Option<i64>,
        reopened_at: Option<i64>,
        reopened_by: Option<Uuid>,
        reopened_because: Option<String>,
        reopened_until: Option<i64>,
    }
    reopening_requests = "reopening_requests" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        sheet_id: Uuid,
        sheet_revision: i64,
        reason: String,
        at: i64,
        by_account: Uuid,
    }
    sheet_reopenings = "sheet_reopenings" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        sheet_id: Uuid,
        dossier_id: Uuid,
        number: i64,
        reason: String,
        at: i64,
        by_account: Uuid,
        until: Option<i64>,
    }
    marks = "marks" {
        #[sea_orm(primary_key, auto_increment = false)]
        sheet_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        criterion: String,
        mark: Option<i64>,
        comment: String,
        updated_at: i64,
        abstention: Option<String>,
    }
    mark_history = "mark_history" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        sheet_id: Uuid,
        criterion: String,
        mark: Option<i64>,
        comment: String,
        revision: i64,
        at: i64,
        by_account: Uuid,
        abstention: Option<String>,
    }
    rankings = "rankings" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        call_id: Uuid,
        call_version: i64,
        computed_at: i64,
        computed_by: Uuid,
        engine: String,
        input_sha256: String,
        inputs: String,
        result: String,
        upsets: i64,
        number: i64,
    }
    decisions = "decisions" {
        #[sea_orm(primary_key, auto_increment = false)]
        dossier_id: Uuid,
        kind: String,
        amount_cents: Option<i64>,
        reason: String,
        ranking_id: Option<Uuid>,
        revision: i64,
        decided_at: i64,
        decided_by: Uuid,
        inputs_sha256: Option<String>,
        upsets: i64,
        confirmed_at: Option<i64>,
        confirmed_by: Option<Uuid>,
        override_rules: Option<String>,
        override_reason: Option<String>,
    }
    decision_history = "decision_history" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        dossier_id: Uuid,
        kind: String,
        amount_cents: Option<i64>,
        reason: String,
        ranking_id: Option<Uuid>,
        revision: i64,
        at: i64,
        by_account: Uuid,
        inputs_sha256: Option<String>,
        override_rules: Option<String>,
        override_reason: Option<String>,
    }
    journal_heads = "journal_heads" {
        #[sea_orm(primary_key, auto_increment = false)]
        scope: String,
        #[sea_orm(primary_key, auto_increment = false)]
        seq: i64,
        hash: String,
        linked_at: i64,
    }
    access_log = "access_log" {
        #[sea_orm(primary_key, auto_increment = false)]
        hour: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        account_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        kind: String,
        #[sea_orm(primary_key, auto_increment = false)]
        object: String,
        batch: Uuid,
    }
    doomed_objects = "doomed_objects" {
        #[sea_orm(primary_key, auto_increment = false)]
        object_key: String,
        after: i64,
    }
    evidence_keys = "evidence_keys" {
        #[sea_orm(primary_key, auto_increment = false)]
        public: String,
        first_seen_at: i64,
    }
    journal_pending = "journal_pending" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        scope: String,
        at: i64,
        actor: Option<Uuid>,
        action: String,
        subject_kind: String,
        subject: String,
        details: String,
    }
    journal = "journal" {
        #[sea_orm(primary_key, auto_increment = false)]
        scope: String,
        #[sea_orm(primary_key, auto_increment = false)]
        seq: i64,
        at: i64,
        actor: Option<Uuid>,
        action: String,
        subject_kind: String,
        subject: String,
        details: String,
        hash: String,
    }
    mails = "mails" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        recipient: String,
        subject: String,
        body: String,
        created_at: i64,
        sent_at: Option<i64>,
        last_error: Option<String>,
        failed_at: Option<i64>,
        account_id: Option<Uuid>,
        purpose: Option<String>,
        template: Option<String>,
        context: Option<String>,
    }
    jobs = "jobs" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        kind: String,
        arguments: String,
        subject: Option<String>,
        state: String,
        attempts: i64,
        run_after: i64,
        lease_owner: Option<Uuid>,
        lease_until: Option<i64>,
        progress: Option<String>,
        result: Option<String>,
        last_error: Option<String>,
        created_at: i64,
        finished_at: Option<i64>,
    }
    signing_keys = "signing_keys" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: i64,
        seed: String,
        created_at: i64,
    }
    installation = "installation" {
        #[sea_orm(primary_key, auto_increment = false)]
        single: i64,
        id: Uuid,
        fingerprint: String,
        adopted_at: i64,
    }
    mail_attachments = "mail_attachments" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        mail_id: Uuid,
        name: String,
        content_type: String,
        content: Vec<u8>,
        document_id: Option<Uuid>,
    }
    idempotency_keys = "idempotency_keys" {
        #[sea_orm(primary_key, auto_increment = false)]
        account_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        key: String,
        request_sha256: String,
        body: String,
        created_at: i64,
    }
}
