//! What stands in the tables that leave.

use std::collections::{BTreeMap, BTreeSet};

use ami_database::calls::Call;
use ami_database::jobs::{self as rows, Claim};
use ami_database::{deposits, dossiers, jury as seats};
use ami_documents::{Cell, Column, Table};
use ami_domain::answer::Answer;
use ami_domain::call::{CallDefinition, time_zone};
use ami_domain::deposit::Deposit;
use ami_domain::dossier::Dossier;
use ami_domain::form::{Field, FieldKind};
use ami_domain::ids::DossierId;
use ami_domain::jury::{RecusalScope, Seat, Voice, is_recused};
use ami_domain::sheet::Sheet;
use ami_scoring::Rational;

use crate::contents::read_answers;
use crate::filed::Filings;
use crate::jobs::lease_end;
use crate::rankings::RankedDossier;
use crate::{Actor, Arrival, Error, Result, jury, rankings, reading};

/// Contents that are read at once.
const BATCH: usize = 100;

/// A column whose heading is in the locale; its code stays.
fn column(code: &str, width: u8) -> Column {
    Column { heading: ami_views::word("column", code), code: code.to_owned(), width }
}

fn text(text: impl Into<String>) -> Cell {
    let text = text.into();
    if text.is_empty() { Cell::Empty } else { Cell::Text(text) }
}

/// What was filed: a row per dossier, a column per question of any version of the call.
pub(super) async fn answers(app: &Arrival, call: &Call, claim: Claim) -> Result<Table> {
    let conn = app.database.read();
    let filed = dossiers::filed_of_call(conn, call.id).await?;
    let filings = Filings::of_call(conn, call).await?;
    let fields = fields(call, &filed, &filings);
    let mut columns: Vec<Column> = [
        ("lot", 10),
        ("dossier", 14),
        ("organisation", 34),
        ("siret", 18),
        ("deposited_at", 20),
        ("deposit_version", 8),
        ("call_version", 8),
    ]
    .map(|(code, width)| column(code, width))
    .into();
    columns.extend(fields.iter().map(|field| Column {
        heading: format!("{} {}", field.code, field.label),
        code: field.code.clone(),
        width: 24,
    }));
    let mut table = Table { name: ami_views::word("export", "answers"), columns, rows: Vec::new() };
    for (done, batch) in (0..).step_by(BATCH).zip(filed.chunks(BATCH)) {
        let progress = format!("{done}/{}", filed.len());
        app.write(None, (claim, progress), |work, (claim, progress)| {
            Box::pin(async move { Ok(rows::report(work.tx, claim, progress, lease_end(work.at())?).await?) })
        })
        .await?;
        let contents = deposits::contents(conn, batch.iter().map(|d| d.id)).await?;
        for dossier in batch {
            let Some(deposit) = contents.get(&dossier.id) else { continue };
            table.rows.push(filed_row(&filings, dossier, deposit, &fields)?);
        }
    }
    Ok(table)
}

/// The questions of the call as it is, then those that only an earlier version asked.
fn fields(call: &Call, filed: &[Dossier], filings: &Filings) -> Vec<Field> {
    let mut fields: Vec<Field> = call.definition.form.fields().cloned().collect();
    let mut known: BTreeSet<String> = fields.iter().map(|f| f.code.clone()).collect();
    for definition in filed.iter().map(|d| filings.definition(d.id)) {
        for field in definition.form.fields() {
            if known.insert(field.code.clone()) {
                fields.push(field.clone());
            }
        }
    }
    fields
}

fn filed_row(filings: &Filings, dossier: &Dossier, deposit: &Deposit, fields: &[Field]) -> Result<Vec<Cell>> {
    let definition = filings.definition(dossier.id);
    let content = &deposit.content;
    let (answers, _) = read_answers(definition, &content.lot, |field| content.answers.get(field), deposit.at)?;
    let mut row = vec![
        text(&content.lot),
        text(&content.number),
        text(&content.organisation),
        Cell::Identifier(content.siret.clone()),
        Cell::Instant(deposit.at.to_zoned_datetime(time_zone()).datetime()),
        Cell::Integer(deposit.version),
        Cell::Integer(content.call_version),
    ];
    for field in fields {
        // As it was asked when the dossier was filed.
        let asked = definition.form.fields().find(|f| f.code == field.code);
        row.push(match (asked, answers.get(&field.code)) {
            (Some(asked), Some(answer)) => answered(definition, &content.lot, &asked.kind, answer),
            _ => Cell::Empty,
        });
    }
    Ok(row)
}

fn answered(definition: &CallDefinition, lot: &str, kind: &FieldKind, answer: &Answer) -> Cell {
    match (kind, answer) {
        (FieldKind::Siret, Answer::Text(digits)) => Cell::Identifier(digits.clone()),
        (_, Answer::Integer(number)) => Cell::Integer(*number),
        (_, Answer::Decimal(number)) => Cell::Decimal(number.to_string().replace(',', ".")),
        (_, Answer::Amount(cents)) => Cell::Money(*cents),
        (_, Answer::Accepted(at)) => Cell::Instant(at.to_zoned_datetime(time_zone()).datetime()),
        _ => text(reading::plain(definition, definition.lot(lot), kind, answer)),
    }
}

/// Every mark and abstention of every sheet, with what the newest ranking made of the criterion.
pub(super) async fn marks(app: &Arrival, who: Option<&Actor>, call: &Call) -> Result<Table> {
    let conn = app.database.read();
    let grid = &call.definition.grid;
    let filed: BTreeMap<DossierId, Dossier> =
        dossiers::filed_of_call(conn, call.id).await?.into_iter().map(|d| (d.id, d)).collect();
    let filings = Filings::of_call(conn, call).await?;
    let seats: BTreeMap<_, Seat> = seats::seats(conn, call.id).await?.into_iter().map(|s| (s.id, s)).collect();
    let recusals = app.recusals(call.id).await?;
    let sheets = seats::sheets_of_call(conn, call.id, grid).await?;
    let ranked = newest(app, who, call).await?;
    let mut rows = Vec::new();
    for sheet in &sheets {
        let (Some(seat), Some(dossier)) = (seats.get(&sheet.seat), filed.get(&sheet.dossier)) else { continue };
        let recused = is_recused(&recusals, seat.id, dossier.id, &dossier.lot);
        let counts = seat.voice == Voice::Deliberative && sheet.is_locked() && !recused;
        let line = ranked.get(&dossier.id.uuid());
        for criterion in grid.criteria() {
            rows.push(mark_row(call, &filings, dossier, seat, sheet, &criterion.code, counts, line));
        }
    }
    rows.sort_by_cached_key(|(lot, number, label, at, _)| (lot.clone(), *number, label.clone(), *at));
    let columns = [
        ("lot", 10),
        ("dossier", 14),
        ("organisation", 34),
        ("seat", 8),
        ("college", 18),
        ("voice", 14),
        ("sheet", 12),
        ("criterion", 10),
        ("criterion_label", 34),
        ("weight", 10),
        ("mark", 8),
        ("abstention", 24),
        ("comment", 40),
        ("counts", 8),
        ("mean", 10),
        ("points", 10),
        ("points_exact", 14),
    ];
    Ok(Table {
        name: ami_views::word("export", "marks"),
        columns: columns.map(|(code, width)| column(code, width)).into(),
        rows: rows.into_iter().map(|(.., row)| row).collect(),
    })
}

/// The lines of the newest ranking, by dossier, for whoever may read it.
async fn newest(app: &Arrival, who: Option<&Actor>, call: &Call) -> Result<BTreeMap<uuid::Uuid, RankedDossier>> {
    let Some(newest) = app.newest_ranking(call.id).await? else { return Ok(BTreeMap::new()) };
    let view = rankings::show_ranking(app, who, newest.id).await?;
    Ok(view.lots.into_iter().flat_map(|lot| lot.dossiers).map(|d| (d.id, d)).collect())
}

type Placed = (String, i64, String, usize, Vec<Cell>);

#[expect(clippy::too_many_arguments, reason = "what one line is made of, in the order of its cells")]
fn mark_row(
    call: &Call,
    filings: &Filings,
    dossier: &Dossier,
    seat: &Seat,
    sheet: &Sheet,
    code: &str,
    counts: bool,
    line: Option<&RankedDossier>,
) -> Placed {
    let grid = &call.definition.grid;
    let at = grid.criteria().position(|c| c.code == code).unwrap_or(0);
    let criterion = grid.criterion(code);
    let entry = sheet.entries.get(code);
    let ranked = line.and_then(|line| line.criteria.get(code));
    let state = if sheet.is_locked() { "locked" } else { "open" };
    let exact = |text: &str| text.parse::<Rational>().map_or(Cell::Empty, |n| Cell::Decimal(n.decimal(2, '.')));
    let row = vec![
        text(&dossier.lot),
        text(filings.number(dossier)),
        text(filings.name(dossier.id)),
        text(&seat.label),
        text(ami_views::word("college", seat.college.as_str())),
        text(ami_views::word("voice", seat.voice.as_str())),
        text(ami_views::word("sheet-state", state)),
        text(code),
        text(criterion.map_or("", |c| c.label.as_str())),
        Cell::Integer(criterion.map_or(0, |c| i64::from(c.weight))),
        entry.and_then(|e| e.mark).map_or(Cell::Empty, |mark| Cell::Integer(grid.scale.value(mark))),
        text(entry.and_then(|e| e.abstained.clone()).unwrap_or_default()),
        text(entry.map_or("", |e| e.comment.as_str())),
        text(ami_views::word("counts", if counts { "yes" } else { "no" })),
        ranked.map_or(Cell::Empty, |c| exact(&c.mean)),
        ranked.map_or(Cell::Empty, |c| exact(&c.points)),
        text(ranked.map_or("", |c| c.points.as_str())),
    ];
    (dossier.lot.clone(), dossier.number, seat.label.clone(), at, row)
}

/// Seats, one row each; then one for each of their recusals.
pub(super) async fn jury(app: &Arrival, who: Option<&Actor>, call: &Call) -> Result<Table> {
    let conn = app.database.read();
    let numbers: BTreeMap<DossierId, String> = {
        let filed = dossiers::filed_of_call(conn, call.id).await?;
        let filings = Filings::of_call(conn, call).await?;
        filed.iter().map(|d| (d.id, filings.number(d))).collect()
    };
    let seats = jury::list_seats(app, who, &call.definition.code).await?;
    let recusals = app.recusals(call.id).await?;
    let mut rows = Vec::new();
    for seat in seats {
        let own: Vec<_> = recusals.iter().filter(|r| r.seat.uuid() == seat.id).collect();
        let head = [
            text(&seat.label),
            text(&seat.name),
            text(&seat.email),
            text(ami_views::word("college", seat.college.as_str())),
            text(ami_views::word("voice", seat.voice.as_str())),
            text(ami_views::word("counts", if seat.chair { "yes" } else { "no" })),
            text(ami_views::word("counts", if seat.declared { "yes" } else { "no" })),
            Cell::Integer(i64::try_from(seat.assigned).map_err(Error::internal)?),
            Cell::Integer(i64::try_from(seat.locked).map_err(Error::internal)?),
        ];
        if own.is_empty() {
            rows.push([head.to_vec(), vec![Cell::Empty, Cell::Empty, Cell::Empty]].concat());
        }
        for recusal in own {
            let about = match &recusal.scope {
                RecusalScope::Lot(lot) => lot.clone(),
                RecusalScope::Dossier(id) => numbers.get(id).cloned().unwrap_or_default(),
            };
            let tail = vec![
                text(about),
                text(ami_views::word("reason", recusal.reason.as_str())),
                text(ami_views::word("origin", recusal.origin.as_str())),
            ];
            rows.push([head.to_vec(), tail].concat());
        }
    }
    let columns = [
        ("seat", 8),
        ("person", 28),
        ("email", 34),
        ("college", 18),
        ("voice", 14),
        ("chair", 8),
        ("declared", 10),
        ("assigned", 10),
        ("locked", 10),
        ("recusal", 14),
        ("recusal_reason", 30),
        ("recusal_origin", 16),
    ];
    let columns = columns.map(|(code, width)| column(code, width)).into();
    Ok(Table { name: ami_views::word("export", "jury"), columns, rows })
}
