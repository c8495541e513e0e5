//! Exports: made by a job, kept for a day, given to whoever asked for them while they may still read what is in them.

mod tables;

use ami_database::calls::Call;
use ami_database::jobs::{self as rows, Job, Standing};
use ami_database::rankings;
use ami_domain::ids::{AccountId, JobId};
use ami_domain::policy::{Action, Subject, acts, decide, permit};
use ami_storage::{Object, ObjectKey};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::jobs::{self, Ended, Kind as JobKind};
use crate::{Actor, App, Arrival, Error, Kind, Result, decisions, hold_call, pieces};

/// How long a file waits to be fetched.
const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// Largest file.
const MOST_BYTES: u64 = 1 << 31;

/// What leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportKind {
    /// Every filed dossier with its decision.
    Decisions,
    /// What was filed, a column per question.
    Answers,
    /// Every mark of every sheet, and what the newest ranking made of them.
    Marks,
    /// Seats and recusals.
    Jury,
    /// The newest ranking, to be computed again by `ami score`.
    Recompute,
}

/// As what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// For spreadsheets, in UTF-8.
    Csv,
    /// For spreadsheets.
    Xlsx,
    /// Several files.
    Zip,
}

/// An export that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewExport {
    /// What.
    pub kind: ExportKind,
    /// `zip` for `recompute`, `csv` or `xlsx` for the others.
    pub format: ExportFormat,
}

/// What a job was asked, kept with it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Asked {
    call: String,
    account: AccountId,
    #[serde(flatten)]
    export: NewExport,
}

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Made {
    name: String,
    sha256: String,
    size: u64,
}

/// Work that goes on after its request.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct JobView {
    /// Its id.
    pub id: Uuid,
    /// The call's code.
    pub call: String,
    /// `queued`, `running`, `done` or `failed`.
    pub state: String,
    /// Dossiers that are done, of all, such as `200/400`.
    pub progress: Option<String>,
    /// Where its file is fetched, for a day.
    pub url: Option<String>,
    /// The file's name.
    pub name: Option<String>,
    /// The file's SHA-256.
    pub sha256: Option<String>,
}

/// Asks for an export; a job makes it.
///
/// # Errors
/// `export-format` where the kind does not leave as that; `no-ranking`; whoever may not read what is in it may not ask.
pub async fn ask_export(app: &Arrival, who: Option<&Actor>, code: &str, export: NewExport) -> Result<JobView> {
    let call = app.call(code).await?;
    allow(who, &call, app, export.kind)?;
    let zipped = matches!(export.kind, ExportKind::Recompute);
    if zipped != matches!(export.format, ExportFormat::Zip) {
        return Err(Error::field("/format", "export-format"));
    }
    if matches!(export.kind, ExportKind::Recompute) && app.newest_ranking(call.id).await?.is_none() {
        return Err(crate::rankings::no_ranking());
    }
    let id: JobId = app
        .write_once(who, (code.to_owned(), export), |work, (code, export)| {
            Box::pin(async move {
                let call = hold_call(work.tx, code).await?;
                let subject = Subject::call(call.facts(work.at()));
                let permit = permit::<acts::ExportCall>(work.who(), &subject)?;
                let id: JobId = work.id();
                let asked = Asked { call: code.clone(), account: permit.by(), export: *export };
                let arguments = serde_json::to_value(asked).map_err(Error::internal)?;
                jobs::enqueue(work, JobKind::Export, id, arguments, None, work.at()).await?;
                let details = json!({ "export": export, "job": id });
                let subject = ("call", code.clone());
                work.record(Some(call.id), Some(permit.by()), Action::ExportCall, subject, details).await?;
                Ok(id)
            })
        })
        .await?;
    show_job(app, who, id).await
}

/// Whether somebody may have anything of a call leave as a file.
pub async fn may_export(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<()> {
    let call = app.call(code).await?;
    Ok(decide(Action::ExportCall, who, &Subject::call(call.facts(app.at)))?)
}

/// Whether somebody may have what is in an export, now.
fn allow(who: Option<&Actor>, call: &Call, app: &Arrival, kind: ExportKind) -> Result<()> {
    let subject = Subject::call(call.facts(app.at));
    decide(Action::ExportCall, who, &subject)?;
    let actions: &[Action] = match kind {
        ExportKind::Decisions => &[Action::ReadDecisions],
        ExportKind::Answers => &[Action::ListFiled],
        ExportKind::Marks => &[Action::ListFiled, Action::ReadMarks],
        ExportKind::Jury => &[Action::ReadProgress],
        ExportKind::Recompute => &[Action::ReadRanking, Action::ReadMarks],
    };
    for action in actions {
        decide(*action, who, &subject)?;
    }
    Ok(())
}

/// One's own job.
async fn own(app: &Arrival, who: Option<&Actor>, id: JobId) -> Result<(Asked, Standing)> {
    let who = who.ok_or(ami_domain::policy::Denial::SignInFirst)?;
    let found = rows::find(app.database.read(), id).await?.ok_or_else(Error::not_found)?;
    if found.kind != JobKind::Export.code() {
        return Err(Error::not_found());
    }
    let asked: Asked = serde_json::from_value(found.arguments.clone()).map_err(Error::internal)?;
    if asked.account == who.account { Ok((asked, found)) } else { Err(Error::not_found()) }
}

fn made(standing: &Standing) -> Result<Option<Made>> {
    standing.result.as_deref().map(serde_json::from_str).transpose().map_err(Error::internal)
}

/// How far work is that one asked for.
pub async fn show_job(app: &Arrival, who: Option<&Actor>, id: JobId) -> Result<JobView> {
    let (asked, standing) = own(app, who, id).await?;
    let made = made(&standing)?;
    Ok(JobView {
        id: id.uuid(),
        call: asked.call,
        url: made.as_ref().map(|_| format!("/api/v1/jobs/{id}/file")),
        name: made.as_ref().map(|m| m.name.clone()),
        sha256: made.map(|m| m.sha256),
        state: standing.state,
        progress: standing.progress,
    })
}

/// The file that a job made, and its name.
///
/// # Errors
/// Not found while there is none, and once its day is over.
pub async fn open_export(app: &Arrival, who: Option<&Actor>, id: JobId) -> Result<(String, Object)> {
    let (asked, standing) = own(app, who, id).await?;
    let made = made(&standing)?.ok_or_else(Error::not_found)?;
    let call = app.call(&asked.call).await?;
    // Whoever asked may have lost what they had.
    allow(who, &call, app, asked.export.kind)?;
    app.note_reading(who, "export", &asked.call);
    let key = ObjectKey::for_document(id.uuid());
    if app.storage.size(&key).await?.is_none() {
        return Err(Error::not_found());
    }
    Ok((made.name, app.storage.get(&key).await?))
}

/// Makes an export. Done twice, it makes the file again.
pub(crate) async fn make(app: &App, job: &Job) -> Ended {
    match make_file(&app.now(), job).await {
        Ok(made) => Ended::Made(made),
        // Whoever asked may not have it any more, or there is nothing to make it from: trying again changes nothing.
        Err(error) if !matches!(error.kind, Kind::Unavailable | Kind::Internal) => Ended::Never(error.to_string()),
        Err(error) => error.into(),
    }
}

async fn make_file(app: &Arrival, job: &Job) -> Result<String> {
    let asked: Asked = serde_json::from_value(job.arguments.clone()).map_err(Error::internal)?;
    let id = job.claim.job;
    let actor = ami_database::accounts::actor(app.database.read(), asked.account).await?.map(|(_, actor)| actor);
    let who = actor.as_ref();
    let call = app.call(&asked.call).await?;
    allow(who, &call, app, asked.export.kind)?;
    let (name, bytes) = content(app, who, &call, &asked, job).await?;
    let file = app.spool.receive(bytes.as_slice(), MOST_BYTES).await.map_err(Error::unavailable)?;
    let key = ObjectKey::for_document(id.uuid());
    pieces::doom(app, &key, KEPT).await?;
    app.storage.put_spooled(&key, &file, "application/octet-stream").await?;
    let made = Made { name, sha256: file.sha256_hex(), size: file.size() };
    serde_json::to_string(&made).map_err(Error::internal)
}

/// A file's name and bytes.
async fn content(
    app: &Arrival,
    who: Option<&Actor>,
    call: &Call,
    asked: &Asked,
    job: &Job,
) -> Result<(String, Vec<u8>)> {
    let code = asked.call.as_str();
    let csv = matches!(asked.export.format, ExportFormat::Csv);
    let extension = if csv { "csv" } else { "xlsx" };
    let table = match asked.export.kind {
        ExportKind::Decisions => {
            let bytes = if csv {
                decisions::decisions_csv(app, who, code).await?
            } else {
                decisions::decisions_xlsx(app, who, code).await?
            };
            return Ok((format!("decisions-{code}.{extension}"), bytes));
        }
        ExportKind::Recompute => {
            let newest = app.newest_ranking(call.id).await?.ok_or_else(crate::rankings::no_ranking)?;
            let found = rankings::find_ranking(app.database.read(), newest.id).await?.ok_or_else(Error::not_found)?;
            let day = ami_domain::call::day(newest.computed_at);
            let work = move || {
                let files = crate::rankings::kit(&found)?;
                ami_documents::archive(&files).map_err(Error::internal)
            };
            return Ok((format!("recalcul-{code}-{day}.zip"), app.cores.run(work).await?));
        }
        ExportKind::Answers => tables::answers(app, call, job.claim).await?,
        ExportKind::Marks => tables::marks(app, who, call).await?,
        ExportKind::Jury => tables::jury(app, who, call).await?,
    };
    let name = format!("{}-{code}.{extension}", table.name.to_lowercase().replace(['é', 'è'], "e"));
    let draw = move || {
        if csv { ami_documents::table_csv(&table) } else { ami_documents::table_xlsx(&table) }
    };
    Ok((name, app.cores.run(move || draw().map_err(Error::internal)).await?))
}
