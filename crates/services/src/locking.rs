//! Signing a sheet: what is signed is shown before, and whoever signed too early asks the chair to open it again.

use ami_database::accounts;
use ami_database::jury as rows;
use ami_database::places::Placed;
use ami_database::reopenings::{self, Request};
use ami_domain::grid::Grid;
use ami_domain::ids::SheetId;
use ami_domain::jury::is_recused;
use ami_domain::policy::{Action, acts, decide, permit};
use ami_domain::text;
use ami_scoring::Rational;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::filed::Filings;
use crate::sheets::{
    SheetContext, SheetView, hold_sheet, load_sheet, locked_or, refusal, seen, show_sheet, view_sheet,
};
use crate::{Actor, Arrival, Error, Kind, Result, outbox};

/// What a juror is about to sign.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LockPreview {
    /// The sheet.
    pub sheet: SheetView,
    /// Its marks, by group.
    pub groups: Vec<PreviewGroup>,
    /// Points of the whole, two decimals.
    pub total_shown: String,
    /// Most points that the marks given could make.
    pub total_weight: u64,
}

/// A group of what is about to be signed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PreviewGroup {
    /// Its code.
    pub code: String,
    /// Its title.
    pub label: String,
    /// Its points, two decimals.
    pub points_shown: String,
    /// Most points that its marks could make.
    pub weight: u64,
    /// Its criteria.
    pub criteria: Vec<PreviewLine>,
}

/// One criterion of what is about to be signed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PreviewLine {
    /// Its code.
    pub code: String,
    /// Its title.
    pub label: String,
    /// Its share of the points.
    pub weight: u32,
    /// The mark in scale units.
    pub mark: Option<i64>,
    /// What the mark means.
    pub word: String,
    /// The comment.
    pub comment: String,
    /// Why no mark is given, when the juror abstains.
    pub abstained: Option<String>,
}

/// The marks and the total of one's own sheet, before it is signed.
///
/// # Errors
/// `sheet-incomplete` with everything that is missing.
pub async fn preview_lock(app: &Arrival, who: Option<&Actor>, id: SheetId) -> Result<LockPreview> {
    let (placed, sheet, subject) = load_sheet(app, who, id).await?;
    decide(Action::LockSheet, who, &subject).map_err(|denial| locked_or(&sheet, denial))?;
    let grid = &placed.call.definition.grid;
    sheet.clone().lock(grid, app.at).map_err(refusal)?;
    let view = view_sheet(app, who, &placed, &sheet, &subject).await?;
    let (mut total, mut total_weight) = (Rational::ZERO, 0);
    let mut groups = Vec::with_capacity(grid.groups.len());
    for group in &grid.groups {
        let (mut points, mut weight) = (Rational::ZERO, 0);
        let mut criteria = Vec::with_capacity(group.criteria.len());
        for criterion in &group.criteria {
            let mark = view.marks.get(&criterion.code).copied();
            if let Some(mark) = mark {
                points = &points + &worth(grid, criterion.weight, mark);
                weight += u64::from(criterion.weight);
            }
            criteria.push(PreviewLine {
                code: criterion.code.clone(),
                label: criterion.label.clone(),
                weight: criterion.weight,
                mark,
                word: grid
                    .scale
                    .marks()
                    .find(|(v, _)| Some(*v) == mark)
                    .map_or_else(String::new, |(_, w)| w.to_owned()),
                comment: view.comments.get(&criterion.code).cloned().unwrap_or_default(),
                abstained: view.abstentions.get(&criterion.code).cloned(),
            });
        }
        total = &total + &points;
        total_weight += weight;
        groups.push(PreviewGroup {
            code: group.code.clone(),
            label: group.label.clone(),
            points_shown: points.decimal(2, ','),
            weight,
            criteria,
        });
    }
    Ok(LockPreview { sheet: view, groups, total_shown: total.decimal(2, ','), total_weight })
}

/// The points that one mark gives a criterion.
fn worth(grid: &Grid, weight: u32, mark: i64) -> Rational {
    let (min, max) = (grid.scale.min, grid.scale.max);
    let share = Rational::new(mark.saturating_sub(min), max.saturating_sub(min)).unwrap_or(Rational::ZERO);
    &share * &Rational::from(i64::from(weight))
}

/// Locks one's own sheet. `if_match` is the revision that its juror has seen: what is signed is that.
pub async fn lock_sheet(app: &Arrival, who: Option<&Actor>, id: SheetId, if_match: Option<i64>) -> Result<SheetView> {
    let locked = app.write_once(who, (id, if_match), |work, &(id, if_match)| {
        Box::pin(async move {
            let (placed, sheet, subject) = hold_sheet(work, id).await?;
            let permit = permit::<acts::LockSheet>(work.who(), &subject).map_err(|denial| locked_or(&sheet, denial))?;
            let filings = Filings::of_placed(work.tx.read(), &placed).await?;
            let Placed { call, dossier, .. } = &placed;
            seen(if_match, &SheetContext { call, sheet: &sheet, dossier, filings: &filings, open: true })?;
            let sheet = sheet.lock(&call.definition.grid, work.at()).map_err(refusal)?;
            rows::save_sheet(work.tx, &permit, &sheet, &[], || work.id(), work.at()).await?;
            let subject = ("dossier", dossier.id.to_string());
            work.record(Some(call.id), Some(permit.by()), Action::LockSheet, subject, json!({ "sheet": id })).await?;
            Ok(())
        })
    });
    locked.await?;
    show_sheet(app, who, id).await
}

/// Asks the chair to open one's own signed sheet again; those who preside and are not excluded there get a message.
///
/// # Errors
/// `already-asked` while an earlier request waits.
pub async fn ask_reopening(app: &Arrival, who: Option<&Actor>, id: SheetId, reason: &str) -> Result<()> {
    app.write_once(who, (id, reason.to_owned()), |work, (id, reason)| {
        Box::pin(async move {
            let (Placed { call, dossier, .. }, sheet, subject) = hold_sheet(work, *id).await?;
            let permit = permit::<acts::AskReopening>(work.who(), &subject)?;
            let reason = text::clean(reason);
            if reason.is_empty() {
                return Err(Error::field("/reason", "reason-needed"));
            }
            text::bounded(&reason).map_err(|length| Error::too_long("/reason", length))?;
            let conn = work.tx.read();
            let asked = reopenings::request_on(conn, *id).await?;
            if asked.is_some_and(|asked| asked.sheet_revision == sheet.revision) {
                return Err(Error::new(Kind::Conflict, "already-asked"));
            }
            let (at, sheet_revision) = (work.at(), sheet.revision);
            let request = Request { id: work.id(), sheet: *id, sheet_revision, reason: reason.clone(), at };
            reopenings::insert_request(work.tx, &permit, &request).await?;
            let subject = ("dossier", dossier.id.to_string());
            let details = json!({ "sheet": id, "reason": reason });
            work.record(Some(call.id), Some(permit.by()), Action::AskReopening, subject, details).await?;

            let recusals = rows::recusals(conn, call.id).await?;
            let seats = rows::seats(conn, call.id).await?;
            let label = seats.iter().find(|s| s.id == sheet.seat).map_or("", |s| s.label.as_str());
            let chairs = seats.iter().filter(|s| s.chair && !is_recused(&recusals, s.id, dossier.id, &dossier.lot));
            let people = accounts::names(conn, &chairs.map(|s| s.account).collect()).await?;
            for (name, address) in people.values() {
                let told = json!({
                    "name": name, "number": call.definition.dossier_number(dossier.number), "seat": label,
                    "call_title": call.definition.title, "reason": reason,
                    "url": work.settings().url(&format!("/jury/{}/fiches", call.definition.code)),
                });
                outbox::enqueue(work, address, work.views().mail("reopening_asked", &told)?, vec![]).await?;
            }
            Ok(())
        })
    })
    .await
}

/// Why the juror of a sheet asked for it to be opened again, while that waits.
pub async fn asked_reopening(app: &Arrival, view: &SheetView) -> Result<Option<String>> {
    if view.summary.state != "locked" {
        return Ok(None);
    }
    let asked = reopenings::request_on(app.database.read(), view.summary.id.into()).await?;
    Ok(asked.filter(|asked| asked.sheet_revision == view.revision).map(|asked| asked.reason))
}
