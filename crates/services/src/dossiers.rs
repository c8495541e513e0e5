//! Dossiers, as their applicants begin, read and fill them.

use std::collections::BTreeMap;

use ami_database::calls::Call;
use ami_database::deposits as filings;
use ami_database::dossiers as rows;
use ami_database::organisations::{self, Organisation};
use ami_domain::answer::{Answer, FieldError};
use ami_domain::call::{CallDefinition, Phase};
use ami_domain::completeness::{self, Filled, Gap};
use ami_domain::dossier::{Dossier, DossierState, DossierStateName};
use ami_domain::form::{Answers, FieldKind};
use ami_domain::ids::{DossierId, OrganisationId};
use ami_domain::policy::{Action, Subject, acts, decide, permit};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::answers::{OnInvalid, write_answers};
use crate::contents::{Loaded, load_draft, load_filed};
use crate::organisations::OrganisationView;
use crate::pieces::PieceView;
use crate::{Actor, Arrival, Error, Kind, Result, Work, about, hold_call};

/// A dossier in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DossierSummary {
    /// Its id.
    pub id: Uuid,
    /// The number people quote.
    pub number: String,
    /// The call's code.
    pub call: String,
    /// The call's title.
    pub call_title: String,
    /// The lot's code.
    pub lot: String,
    /// The lot's name.
    pub lot_label: String,
    /// Who applies.
    pub organisation: String,
    /// Where it stands.
    #[schema(value_type = String)]
    pub state: DossierStateName,
    /// Where the call stands.
    #[schema(value_type = String)]
    pub phase: Phase,
    /// Whether what was filed is being changed; it counts until the next deposit takes its place.
    pub editing: bool,
    /// When it was filed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deposited_at: Option<Timestamp>,
    /// When a draft was thrown away.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub discarded_at: Option<Timestamp>,
    /// Until when it can be taken back that it was thrown away or withdrawn, while it can.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub restorable_until: Option<Timestamp>,
    /// Closing.
    #[schema(value_type = String, format = DateTime)]
    pub closes: Timestamp,
}

impl DossierSummary {
    /// Whether there is a draft to write in.
    pub fn editable(&self) -> bool {
        self.state == DossierStateName::Draft || self.editing
    }
}

/// A dossier whole, for its applicant: the draft while there is one, else what was filed, as it was filed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DossierView {
    /// What a list shows.
    #[serde(flatten)]
    pub summary: DossierSummary,
    /// Who applies.
    pub applicant: OrganisationView,
    /// The version of the call by which it is read: the one that counts for a draft, that of the deposit for what was filed.
    pub call_version: i64,
    /// For `If-Match`: grows at every change of an answer.
    pub revision: i64,
    /// Valid answers by field.
    #[schema(value_type = Object)]
    pub answers: BTreeMap<String, Value>,
    /// What was typed and is not valid, by field.
    pub invalid: BTreeMap<String, InvalidInput>,
    /// Fields that are not asked, as the answers stand: what they hold is kept in the draft, and not filed.
    pub hidden: Vec<String>,
    /// Computed fields that have a value.
    #[schema(value_type = Object)]
    pub computed: BTreeMap<String, Value>,
    /// Files.
    pub pieces: Vec<PieceView>,
    /// What is missing before it can be deposited.
    pub missing: Vec<GapView>,
    /// How far each section is.
    pub sections: Vec<SectionProgress>,
    /// Every deposit, last first.
    pub deposits: Vec<DepositSummary>,
}

/// What was typed and is not valid.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InvalidInput {
    /// As it was typed.
    #[schema(value_type = Object)]
    pub input: Value,
    /// Stable code of what is wrong.
    pub code: String,
    /// In words.
    pub detail: String,
    /// Row and column, where it has them.
    pub at: Option<(usize, String)>,
}

/// Something missing.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GapView {
    /// `answer`, `invalid` or `piece`.
    pub kind: &'static str,
    /// The field or slot.
    pub code: String,
    /// Its label.
    pub label: String,
    /// The section, for a field.
    pub section: Option<String>,
}

/// How far a section is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SectionProgress {
    /// Its code.
    pub code: String,
    /// Its title.
    pub title: String,
    /// Required fields, as the answers stand.
    pub required: usize,
    /// Those that are answered.
    pub done: usize,
    /// Fields with something wrong.
    pub invalid: usize,
}

/// A deposit in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DepositSummary {
    /// 1, 2, …
    pub version: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub deposited_at: Timestamp,
    /// Whether it is what counts.
    pub counts: bool,
    /// When it was taken back, in the days when that un-filed it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub taken_back_at: Option<Timestamp>,
    /// SHA-256 of what was filed.
    pub content_sha256: String,
}

fn summary(app: &Arrival, call: &Call, dossier: &Dossier, organisation: &str) -> DossierSummary {
    DossierSummary {
        id: dossier.id.uuid(),
        number: call.definition.dossier_number(dossier.number),
        call: call.definition.code.clone(),
        call_title: call.definition.title.clone(),
        lot: dossier.lot.clone(),
        lot_label: call.definition.lot(&dossier.lot).map_or_else(String::new, |l| l.label.clone()),
        organisation: organisation.to_owned(),
        state: dossier.state_name(),
        phase: call.phase(app.at),
        editing: dossier.editing().is_some(),
        deposited_at: dossier.deposited_at(),
        discarded_at: match dossier.state {
            DossierState::Discarded { at } => Some(at),
            _ => None,
        },
        restorable_until: dossier.restorable_until(&call.definition.calendar).filter(|until| app.at <= *until),
        closes: call.definition.calendar.closes,
    }
}

/// A gap as it is shown.
pub(crate) fn gap_view(definition: &CallDefinition, gap: &Gap) -> GapView {
    match gap {
        Gap::Answer { field } | Gap::Invalid { field, .. } => GapView {
            kind: if matches!(gap, Gap::Answer { .. }) { "answer" } else { "invalid" },
            code: field.clone(),
            label: definition.form.field(field).map_or_else(String::new, |f| f.label.clone()),
            section: definition.form.section_of(field).map(|s| s.code.clone()),
        },
        Gap::Piece { slot } => GapView {
            kind: "piece",
            code: slot.clone(),
            label: definition.slot(slot).map_or_else(String::new, |s| s.label.clone()),
            section: None,
        },
    }
}

/// The sentence for a wrong answer.
pub(crate) fn sentence(error: &FieldError) -> String {
    ami_views::message(&format!("error-field-{}", error.code), &error.args)
        .unwrap_or_else(|| format!("Valeur non valide ({}).", error.code))
}

fn view(app: &Arrival, loaded: &Loaded, deposits: Vec<DepositSummary>) -> DossierView {
    let definition = &*loaded.definition;
    let pieces = loaded.pieces_by_slot();
    let filled = Filled { answers: &loaded.answers, invalid: &loaded.invalid, pieces: &pieces };
    let progress = completeness::progress(definition, filled);
    DossierView {
        summary: summary(app, &loaded.call, &loaded.dossier, &loaded.applicant.name),
        applicant: loaded.applicant.clone().into(),
        call_version: loaded.call_version,
        revision: loaded.dossier.answers_revision,
        answers: loaded.shown.clone(),
        invalid: loaded
            .invalid
            .iter()
            .map(|(field, error)| {
                let input = loaded.stored.get(field).and_then(|s| s.draft_input.clone().or_else(|| s.value.clone()));
                let input = InvalidInput {
                    input: input.unwrap_or(Value::Null),
                    code: format!("field-{}", error.code),
                    detail: sentence(error),
                    at: error.at.clone(),
                };
                (field.clone(), input)
            })
            .collect(),
        hidden: hidden(definition, &loaded.answers),
        computed: completeness::computed(definition, &loaded.answers)
            .into_iter()
            .map(|(code, value)| (code, Answer::Decimal(value).to_json()))
            .collect(),
        pieces: loaded.pieces.iter().map(|p| PieceView::new(p, definition)).collect(),
        missing: completeness::gaps(definition, filled).iter().map(|g| gap_view(definition, g)).collect(),
        sections: definition
            .form
            .sections
            .iter()
            .filter_map(|s| progress.get(&s.code).map(|p| (s, p)))
            .map(|(s, p)| SectionProgress {
                code: s.code.clone(),
                title: s.title.clone(),
                required: p.required,
                done: p.done,
                invalid: p.invalid,
            })
            .collect(),
        deposits,
    }
}

/// The fields that are not asked, as the answers stand.
pub(crate) fn hidden(definition: &CallDefinition, answers: &Answers) -> Vec<String> {
    let asked = definition.form.asked(answers, definition.calendar.closing_day());
    asked.hidden.into_iter().map(str::to_owned).collect()
}

/// Begins a dossier for a lot. What the organisation gave once is filled in.
pub async fn create_dossier(
    app: &Arrival,
    who: Option<&Actor>,
    code: &str,
    organisation: OrganisationId,
    lot: &str,
) -> Result<DossierView> {
    let id = app
        .write_once(who, (code.to_owned(), organisation, lot.to_owned()), |work, (code, organisation, lot)| {
            Box::pin(async move { begin_dossier(work, code, *organisation, lot).await })
        })
        .await?;
    show_dossier(app, who, id).await
}

async fn begin_dossier(work: &Work<'_>, code: &str, organisation: OrganisationId, lot: &str) -> Result<DossierId> {
    let tx = work.tx;
    let call = hold_call(tx, code).await?;
    let subject = Subject { organisation: Some(organisation), ..Subject::call(call.facts(work.at())) };
    let permit = permit::<acts::CreateDossier>(work.who(), &subject)?;
    if call.definition.lot(lot).is_none() {
        return Err(Error::field("/lot", "field-lot-unknown").with("lot", lot));
    }
    let org = organisations::find(tx.read(), organisation).await?.ok_or_else(Error::not_found)?;
    hold_room(work, &call, &org, lot).await?;
    let number = ami_database::calls::next_number(tx, call.id, "dossiers").await?;
    let dossier = Dossier {
        id: work.id(),
        call: call.id,
        organisation,
        lot: lot.to_owned(),
        number,
        state: DossierState::Draft,
        revision: 0,
        answers_revision: 0,
        created_at: work.at(),
        created_by: permit.by(),
    };
    rows::insert_dossier(tx, &permit, &dossier).await?;
    let subject = about(work.at(), &call, &dossier);
    let edit = ami_domain::policy::permit::<acts::EditDossier>(work.who(), &subject)?;
    let given = prefilled(&call, &org);
    write_answers(work, &edit, &call, &dossier, None, &given, OnInvalid::Keep).await?;
    let subject = ("dossier", dossier.id.to_string());
    work.record(Some(call.id), Some(permit.by()), Action::CreateDossier, subject, json!({ "lot": lot })).await?;
    Ok(dossier.id)
}

/// Whether a legal body may ask for one more lot. One at a time for each: its limit is counted and used up in one transaction,
/// whichever of its establishments asks.
pub(crate) async fn hold_room(work: &Work<'_>, call: &Call, org: &Organisation, lot: &str) -> Result<()> {
    let body = organisations::lock_legal_body(work.tx, &org.siret).await?;
    if !body.contains(&org.id) {
        // Its SIRET changed at this moment.
        return Err(Error::new(Kind::Stale, "stale"));
    }
    let mine = rows::of_organisations(work.tx.read(), body).await?;
    let live = |d: &&Dossier| d.call == call.id && d.state_name() != DossierStateName::Withdrawn;
    let asked = mine.iter().filter(live).count();
    let most = call.definition.rules.max_lots_requested;
    // One that there is already is said to be there, by its constraint.
    let again = mine.iter().filter(live).any(|d| d.lot == lot && d.organisation == org.id);
    if u32::try_from(asked).is_ok_and(|asked| asked >= most) && !again {
        return Err(Error::new(Kind::Conflict, "too-many-lots").with("max", most));
    }
    Ok(())
}

/// What an organisation gave once, as answers.
fn prefilled(call: &Call, org: &Organisation) -> Map<String, Value> {
    let mut given = Map::new();
    for field in call.definition.form.fields() {
        let value = match &field.kind {
            FieldKind::Siret => json!(org.siret.to_string()),
            FieldKind::Rna => json!(org.rna.as_ref().map(ToString::to_string)),
            FieldKind::Choice { options }
                if field.code == call.definition.rules.legal_form_field
                    && options.iter().any(|o| o.value == org.legal_form) =>
            {
                json!(org.legal_form)
            }
            FieldKind::Text { .. } if field.code == call.definition.rules.name_field => json!(org.name),
            _ => continue,
        };
        given.insert(field.code.clone(), value);
    }
    given
}

/// The dossiers of one's own organisations, newest first.
pub async fn list_mine(app: &Arrival, who: Option<&Actor>) -> Result<Vec<DossierSummary>> {
    let all = list_whatever_is_mine(app, who).await?;
    Ok(all.into_iter().filter(|d| d.discarded_at.is_none()).collect())
}

/// The same, with the drafts that were thrown away and may come back.
pub async fn list_whatever_is_mine(app: &Arrival, who: Option<&Actor>) -> Result<Vec<DossierSummary>> {
    let actor = who.ok_or(ami_domain::policy::Denial::SignInFirst)?;
    let conn = app.database.read();
    let dossiers = rows::whatever_of_organisations(conn, actor.organisations.iter().copied()).await?;
    let calls = ami_database::calls::some(conn, dossiers.iter().map(|d| d.call)).await?;
    let names: BTreeMap<_, _> =
        organisations::of_account(conn, actor.account).await?.into_iter().map(|o| (o.id, o.name)).collect();
    Ok(dossiers
        .iter()
        .filter_map(|d| {
            let call = calls.get(&d.call)?;
            decide(Action::ReadOwnDossier, who, &about(app.at, call, d)).ok()?;
            Some(summary(app, call, d, names.get(&d.organisation).map_or("", String::as_str)))
        })
        .filter(|d| d.discarded_at.is_none() || d.restorable_until.is_some())
        .collect())
}

/// A dossier whole, for its applicant.
pub async fn show_dossier(app: &Arrival, who: Option<&Actor>, id: DossierId) -> Result<DossierView> {
    let conn = app.database.read();
    let (call, dossier) = app.dossier(id).await?;
    decide(Action::ReadOwnDossier, who, &about(app.at, &call, &dossier))?;
    let deposits = filings::of_dossier(conn, id).await?;
    let deposits = deposits
        .into_iter()
        .map(|line| DepositSummary {
            version: line.version,
            deposited_at: line.at,
            counts: crate::receipts::counts(&dossier, line.id),
            taken_back_at: line.taken_back_at,
            content_sha256: line.sha256,
        })
        .collect();
    let loaded = if dossier.is_editable() {
        load_draft(app.at, conn, call, dossier).await?
    } else {
        load_filed(conn, call, dossier).await?
    };
    Ok(view(app, &loaded, deposits))
}
