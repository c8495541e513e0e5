//! What the chair of a jury does with other people's sheets: list them, and open a signed one again. Marks are not shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use ami_database::jury::{self as rows, SheetPlace};
use ami_database::places::Placed;
use ami_database::{accounts, dossiers, reopenings};
use ami_domain::dossier::DossierStateName;
use ami_domain::ids::SheetId;
use ami_domain::jury::is_recused;
use ami_domain::policy::{Action, AssignmentFacts, Subject, acts, decide, permit};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::part::{Page, Part};
use crate::sheets::{hold_sheet, refusal};
use crate::{Actor, Arrival, Error, Result, outbox};

/// A sheet in the list of a call's sheets.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SheetLine {
    /// Its id.
    pub id: Uuid,
    /// The label of the seat that writes it.
    pub seat: String,
    /// The dossier.
    pub dossier: Uuid,
    /// Its number.
    pub number: String,
    /// Its lot.
    pub lot: String,
    /// `draft`, `locked` or `reopened`.
    pub state: &'static str,
    /// Why its juror asks for it to be opened again, while that waits.
    pub request: Option<String>,
    /// Every time that it was opened again, the first one first.
    pub reopenings: Vec<ReopeningLine>,
}

/// How a sheet was opened again, once.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReopeningLine {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who did it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Until when it was open.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}

/// A part of the sheets of a call.
pub async fn page_call_sheets(app: &Arrival, who: Option<&Actor>, code: &str, part: &Part) -> Result<Page<SheetLine>> {
    part.cut("call-sheets", list_call_sheets(app, who, code).await?, |s| s.id)
}

/// The sheets of a call, without their marks. A chair sees none on a dossier that they are excluded from.
pub async fn list_call_sheets(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<Vec<SheetLine>> {
    let conn = app.database.read();
    let call = app.call(code).await?;
    let subject = Subject::call(call.facts(app.at));
    decide(Action::ListSheets, who, &subject)?;
    let places = rows::sheet_places(conn, call.id).await?;
    let mut asked = dossiers::some(conn, places.iter().map(|p| p.dossier)).await?;
    asked.retain(|_, d| d.state_name() == DossierStateName::Admissible);
    let own = who.and_then(|a| a.seats.get(&call.id)).map(|s| s.id);
    let recusals = if own.is_some() { app.recusals(call.id).await? } else { Arc::default() };
    let visible = |place: &SheetPlace| {
        let Some(dossier) = asked.get(&place.dossier) else { return false };
        let recused = own.is_some_and(|own| is_recused(&recusals, own, dossier.id, &dossier.lot));
        let facts = AssignmentFacts { recused, ..AssignmentFacts::default() };
        decide(Action::ListSheets, who, &subject.with_assignment(facts)).is_ok()
    };
    let seats = rows::seats(conn, call.id).await?;
    let mut requests = reopenings::requests(conn, call.id).await?;
    let opened = reopenings::reopenings(conn, call.id).await?;
    let people = accounts::names(conn, &opened.iter().map(|o| o.by).collect()).await?;
    let mut by_sheet: BTreeMap<SheetId, Vec<ReopeningLine>> = BTreeMap::new();
    for opened in opened {
        let by = people.get(&opened.by).map_or_else(String::new, |(name, _)| name.clone());
        let line = ReopeningLine { at: opened.at, by, reason: opened.reason, until: opened.until };
        by_sheet.entry(opened.sheet).or_default().push(line);
    }
    let mut line = |place: SheetPlace| {
        let dossier = asked.get(&place.dossier);
        SheetLine {
            id: place.id.uuid(),
            seat: seats.iter().find(|s| s.id == place.seat).map_or_else(String::new, |s| s.label.clone()),
            dossier: place.dossier.uuid(),
            number: dossier.map_or_else(String::new, |d| call.definition.dossier_number(d.number)),
            lot: dossier.map_or_else(String::new, |d| d.lot.clone()),
            state: place.state,
            request: requests
                .remove(&place.id)
                .filter(|asked| place.state == "locked" && asked.sheet_revision == place.revision)
                .map(|asked| asked.reason),
            reopenings: by_sheet.remove(&place.id).unwrap_or_default(),
        }
    };
    Ok(places.into_iter().filter(visible).map(&mut line).collect())
}

/// Opens a locked sheet again, as the chair, with a reason, until `until` or else for a week; whoever wrote it gets a message.
pub async fn reopen_sheet(
    app: &Arrival,
    who: Option<&Actor>,
    id: SheetId,
    reason: &str,
    until: Option<Timestamp>,
) -> Result<()> {
    app.write_once(who, (id, reason.to_owned(), until), |work, (id, reason, until)| {
        Box::pin(async move {
            let (Placed { call, dossier, .. }, sheet, subject) = hold_sheet(work, *id).await?;
            let permit = permit::<acts::ReopenSheet>(work.who(), &subject)?;
            let marking_until = call.definition.calendar.marking_until;
            let sheet = sheet.reopen(permit.by(), reason, work.at(), *until, marking_until).map_err(refusal)?;
            rows::save_sheet(work.tx, &permit, &sheet, &[], || work.id(), work.at()).await?;
            let because = sheet.reopening().map_or("", |r| r.reason.as_str());
            let subject = ("dossier", dossier.id.to_string());
            let open_until = sheet.reopening().map(|r| r.until);
            let details = json!({ "sheet": id, "reason": because, "until": open_until });
            work.record(Some(call.id), Some(permit.by()), Action::ReopenSheet, subject, details).await?;

            let seats = rows::seats(work.tx.read(), call.id).await?;
            let seat =
                seats.iter().find(|s| s.id == sheet.seat).ok_or_else(|| Error::internal("a sheet of no seat"))?;
            let people = accounts::names(work.tx.read(), &[seat.account].into()).await?;
            if let Some((name, address)) = people.get(&seat.account) {
                let told = json!({
                    "name": name, "number": call.definition.dossier_number(dossier.number),
                    "call_title": call.definition.title, "reason": because,
                    "url": work.settings().url(&format!("/fiches/{id}")), "until": open_until,
                });
                outbox::enqueue(work, address, work.views().mail("sheet_reopened", &told)?, vec![]).await?;
            }
            Ok(())
        })
    })
    .await
}
