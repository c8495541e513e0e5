//! Filed dossiers, as the authority and the jury read them, and the authority's check of admissibility.

use std::collections::BTreeMap;
use std::sync::Arc;

use ami_database::calls::Call;
use ami_database::deposits;
use ami_database::dossiers as rows;
use ami_database::places::Placed;
use ami_domain::answer::Answer;
use ami_domain::call::Class;
use ami_domain::completeness;
use ami_domain::dossier::{Admissibility, Dossier, DossierError, DossierState, DossierStateName, InadmissibleReason};
use ami_domain::ids::{CallId, DossierId};
use ami_domain::policy::{Action, Subject, acts, decide, permit};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::contents::load_filed;
use crate::filed::Filings;
use crate::organisations::OrganisationView;
use crate::part::{Page, Part};
use crate::pieces::PieceView;
use crate::{Actor, Arrival, Error, Kind, Problem, Result, about, about_for_seat, lock_dossier};

/// How many dossiers a lot has: all that the authority knows before closing.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LotCounts {
    /// The lot's code.
    pub lot: String,
    /// The lot's name.
    pub label: String,
    /// Being written.
    pub drafts: u64,
    /// Filed and not withdrawn, whatever came after.
    pub deposited: u64,
    /// Found admissible.
    pub admissible: u64,
    /// Found inadmissible.
    pub inadmissible: u64,
    /// Withdrawn.
    pub withdrawn: u64,
}

/// Counts dossiers by lot.
pub async fn count_dossiers(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<Vec<LotCounts>> {
    let call = app.call(code).await?;
    decide(Action::CountDossiers, who, &Subject::call(call.facts(app.at)))?;
    let counts = app.counts(call.id).await?;
    Ok(call
        .definition
        .lots
        .iter()
        .map(|lot| {
            let n = |state| counts.get(&(lot.code.clone(), state)).copied().unwrap_or(0);
            let (admissible, inadmissible) = (n(DossierStateName::Admissible), n(DossierStateName::Inadmissible));
            LotCounts {
                lot: lot.code.clone(),
                label: lot.label.clone(),
                drafts: n(DossierStateName::Draft),
                deposited: n(DossierStateName::Deposited) + admissible + inadmissible,
                admissible,
                inadmissible,
                withdrawn: n(DossierStateName::Withdrawn),
            }
        })
        .collect())
}

/// A filed dossier in the authority's list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FiledSummary {
    /// Its id.
    pub id: Uuid,
    /// Its number.
    pub number: String,
    /// The lot's code.
    pub lot: String,
    /// Who applied.
    pub organisation: String,
    /// Fourteen digits.
    pub siret: String,
    /// Legal form.
    pub legal_form: String,
    /// What the organisation is called today, when it changed anything of itself since.
    pub organisation_today: Option<String>,
    /// Where it stands.
    #[schema(value_type = String)]
    pub state: DossierStateName,
    /// When it was filed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deposited_at: Option<Timestamp>,
    /// Why it is inadmissible, if it is.
    pub inadmissible_because: Option<String>,
}

/// Which filed dossiers are listed; empty words filter nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct FiledFilter<'a> {
    /// The lot's code.
    pub lot: &'a str,
    /// The state.
    pub state: &'a str,
}

impl FiledFilter<'_> {
    /// What is listed.
    ///
    /// # Errors
    /// A lot or a state that the call does not know: nobody reads a list of everything in place of what they asked for.
    fn of<'c>(&self, call: &'c Call) -> Result<rows::Filed<'c>> {
        let mut problems = Vec::new();
        let mut wrong = |pointer: &str, code: &str, value: &str| {
            let args = vec![("value", value.to_owned())];
            problems.push(Problem { pointer: pointer.into(), code: code.into(), args });
        };
        let lot = call.definition.lot(self.lot).map(|lot| lot.code.as_str());
        if lot.is_none() && !self.lot.is_empty() {
            wrong("/lot", "filter-lot", self.lot);
        }
        let state = DossierStateName::parse(self.state);
        if state.is_none() && !self.state.is_empty() {
            wrong("/state", "filter-state", self.state);
        }
        if problems.is_empty() { Ok(rows::Filed { call: call.id, lot, state }) } else { Err(Error::invalid(problems)) }
    }
}

/// The call, to whoever may read its filed dossiers now.
///
/// # Errors
/// `sealed` before closing.
async fn unsealed(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<Call> {
    let call = app.call(code).await?;
    decide(Action::ListFiled, who, &Subject::call(call.facts(app.at)))?;
    Ok(call)
}

/// The filed dossiers of a call, by number.
///
/// # Errors
/// `sealed` before closing; a filter that the call does not know.
pub async fn list_filed(
    app: &Arrival,
    who: Option<&Actor>,
    code: &str,
    filter: &FiledFilter<'_>,
    part: &Part,
) -> Result<Page<FiledSummary>> {
    let call = unsealed(app, who, code).await?;
    let page = page_of_filed(app, &filter.of(&call)?, part).await?;
    let filings = Filings::of(app.database.read(), &call, page.items.iter().map(|d| d.id)).await?;
    Ok(page.map(|d| {
        let applicant = filings.applicant(d.id);
        FiledSummary {
            id: d.id.uuid(),
            number: filings.number(&d),
            state: d.state_name(),
            deposited_at: d.deposited_at(),
            inadmissible_because: match &d.state {
                DossierState::Inadmissible { reason, .. } => Some(reason.as_str().to_owned()),
                _ => None,
            },
            lot: d.lot,
            organisation: applicant.map_or_else(String::new, |a| a.name.clone()),
            siret: applicant.map_or_else(String::new, |a| a.siret.clone()),
            legal_form: applicant.map_or_else(String::new, |a| a.legal_form.clone()),
            organisation_today: filings.today(d.id).map(|t| t.name.clone()),
        }
    }))
}

/// How many filed dossiers a filter keeps, and how many there are.
///
/// # Errors
/// `sealed` before closing.
pub async fn count_filed(
    app: &Arrival,
    who: Option<&Actor>,
    code: &str,
    filter: &FiledFilter<'_>,
) -> Result<(usize, usize)> {
    let call = unsealed(app, who, code).await?;
    let which = filter.of(&call)?;
    Ok((app.count_filed(&which).await?, app.count_filed(&rows::Filed { lot: None, state: None, ..which }).await?))
}

impl Arrival {
    /// How many dossiers each lot of a call has in each state.
    async fn counts(&self, call: CallId) -> Result<Arc<Counts>> {
        let load = async { Ok(Arc::new(rows::counts(self.database.read(), call).await?)) };
        self.lately("dossiers", call, load).await
    }

    /// How many filed dossiers there are of a kind.
    pub(crate) async fn count_filed(&self, which: &rows::Filed<'_>) -> Result<usize> {
        let counts = self.counts(which.call).await?;
        let filed = counts.iter().filter(|((lot, state), _)| {
            *state != DossierStateName::Draft
                && which.lot.is_none_or(|of| of == lot)
                && which.state.is_none_or(|of| of == *state)
        });
        Ok(filed.map(|(_, n)| usize::try_from(*n).unwrap_or(usize::MAX)).sum())
    }
}

type Counts = BTreeMap<(String, DossierStateName), u64>;

/// A part of some filed dossiers, by number.
pub(crate) async fn page_of_filed(app: &Arrival, which: &rows::Filed<'_>, part: &Part) -> Result<Page<Dossier>> {
    let after = part.after("filed")?.unwrap_or(0);
    let (skip, limit) = (part.skip() as u64, part.limit as u64 + 1);
    let found = rows::filed(app.database.read(), which, after, skip, limit).await?;
    Ok(Page::of("filed", part.limit, found, |d| d.number))
}

/// A filed dossier whole, for an officer or a juror. Built field by field: what a juror may not see is never put in.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FiledDossier {
    /// Its id.
    pub id: Uuid,
    /// Its number.
    pub number: String,
    /// The call's code.
    pub call: String,
    /// The version of the call under which it was filed, by which it is read.
    pub call_version: i64,
    /// The lot's code.
    pub lot: String,
    /// The lot's name.
    pub lot_label: String,
    /// Who applied.
    pub organisation: String,
    /// Who applied, whole; only for the authority.
    pub applicant: Option<OrganisationView>,
    /// What the organisation says of itself today, when that is something else; only for the authority.
    pub applicant_today: Option<OrganisationView>,
    /// Where it stands; only for the authority.
    #[schema(value_type = Option<String>)]
    pub state: Option<DossierStateName>,
    /// When it was filed; only for the authority.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deposited_at: Option<Timestamp>,
    /// Why it is inadmissible: code and words; only for the authority.
    pub inadmissible: Option<(String, String)>,
    /// What is missing or wrong; only for the authority.
    pub missing: Vec<crate::dossiers::GapView>,
    /// Answers by field.
    #[schema(value_type = Object)]
    pub answers: BTreeMap<String, Value>,
    /// Computed fields that have a value.
    #[schema(value_type = Object)]
    pub computed: BTreeMap<String, Value>,
    /// Files.
    pub pieces: Vec<PieceView>,
}

/// A filed dossier, for an officer after closing or a juror it was assigned to.
pub async fn show_filed(app: &Arrival, who: Option<&Actor>, id: DossierId) -> Result<FiledDossier> {
    let conn = app.database.read();
    let Placed { call, dossier, filed } = app.placed(id).await?;
    let subject = about_for_seat(app, who, &call, &dossier).await?;
    let officer = decide(Action::ReviewDossier, who, &subject).is_ok();
    if !officer {
        decide(Action::ReadAssigned, who, &subject)?;
    }
    app.note_reading(who, "dossier", id);
    let loaded = load_filed(conn, call, dossier).await?;
    let today = filed.filter(|_| officer);
    let definition = &*loaded.definition;
    let shown = |hidden: bool| officer || !hidden;
    let visible = |code: &str| officer || definition.form.shown_to_jury(code);
    Ok(FiledDossier {
        id: id.uuid(),
        number: definition.dossier_number(loaded.dossier.number),
        call: definition.code.clone(),
        call_version: loaded.call_version,
        lot: loaded.dossier.lot.clone(),
        lot_label: definition.lot(&loaded.dossier.lot).map_or_else(String::new, |l| l.label.clone()),
        organisation: loaded.applicant.name.clone(),
        applicant: officer.then(|| loaded.applicant.clone().into()),
        applicant_today: today.as_ref().and_then(deposits::Filed::changed).cloned().map(Into::into),
        state: officer.then(|| loaded.dossier.state_name()),
        deposited_at: loaded.dossier.deposited_at().filter(|_| officer),
        inadmissible: match &loaded.dossier.state {
            DossierState::Inadmissible { reason, comment, .. } if officer => {
                Some((reason.as_str().to_owned(), comment.clone()))
            }
            _ => None,
        },
        missing: if officer {
            loaded.gaps().iter().map(|g| crate::dossiers::gap_view(definition, g)).collect()
        } else {
            vec![]
        },
        answers: loaded.shown.iter().filter(|(k, _)| visible(k)).map(|(k, v)| (k.clone(), v.clone())).collect(),
        computed: completeness::computed(definition, &loaded.answers)
            .into_iter()
            .filter(|(k, _)| visible(k))
            .map(|(k, v)| (k, Answer::Decimal(v).to_json()))
            .collect(),
        pieces: loaded
            .pieces
            .iter()
            .filter(|p| definition.slot(&p.slot).is_some_and(|s| shown(s.class() > Class::Jury)))
            .map(|p| PieceView::new(p, definition))
            .collect(),
    })
}

/// Records whether a filed dossier may be examined. A reason in words is needed when it may not.
pub async fn examine_dossier(
    app: &Arrival,
    who: Option<&Actor>,
    id: DossierId,
    inadmissible: Option<(InadmissibleReason, String)>,
) -> Result<()> {
    app.write(who, (id, inadmissible), |work, (id, inadmissible)| {
        Box::pin(async move {
            let (call, dossier) = lock_dossier(work.tx, *id).await?;
            let permit = permit::<acts::ExamineDossier>(work.who(), &about(work.at(), &call, &dossier))?;
            let finding = match inadmissible.clone() {
                None => Admissibility::Admissible,
                Some((reason, comment)) => Admissibility::Inadmissible { reason, comment },
            };
            let examined = dossier.examine(finding).map_err(|error| match error {
                DossierError::NoReason => Error::field("/comment", "reason-needed"),
                DossierError::ReasonTooLong(length) => Error::too_long("/comment", length),
                _ => Error::new(Kind::Conflict, "not-now"),
            })?;
            rows::save_state(work.tx, &permit, &examined).await?;
            let details = json!({ "state": examined.state_name() });
            let subject = ("dossier", id.to_string());
            work.record(Some(call.id), Some(permit.by()), Action::ExamineDossier, subject, details).await?;
            Ok(())
        })
    })
    .await
}
