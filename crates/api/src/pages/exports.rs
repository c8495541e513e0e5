//! Pages of exports: what may leave, and a file that is being made.

use ami_domain::ids::JobId;
use ami_services::calls::{self, CallView};
use ami_services::exports::{self as services, ExportFormat, ExportKind, JobView, NewExport};
use rocket::http::{CookieJar, Status};
use rocket::{Route, get, post, routes};
use serde::Serialize;
use serde_json::{Value, json};

use super::forms::Fields;
use super::{Ctx, Html, is_of_form, listed};
use crate::guards::Id;

pub(super) fn routes() -> Vec<Route> {
    routes![list, ask, show]
}

/// What may leave, and as what.
const OFFERED: [(ExportKind, &[ExportFormat]); 5] = [
    (ExportKind::Decisions, &[ExportFormat::Xlsx, ExportFormat::Csv]),
    (ExportKind::Answers, &[ExportFormat::Xlsx, ExportFormat::Csv]),
    (ExportKind::Marks, &[ExportFormat::Xlsx, ExportFormat::Csv]),
    (ExportKind::Jury, &[ExportFormat::Xlsx, ExportFormat::Csv]),
    (ExportKind::Recompute, &[ExportFormat::Zip]),
];

/// One of them, on the page.
#[derive(Serialize)]
struct Offered {
    kind: ExportKind,
    formats: &'static [ExportFormat],
}

#[derive(Serialize)]
struct ExportsPage {
    call: CallView,
    offered: Vec<Offered>,
    errors: Value,
}

#[derive(Serialize)]
struct ExportPage {
    call: CallView,
    job: JobView,
}

async fn exports_page(ctx: &Ctx<'_>, status: Status, code: &str, errors: Value) -> Html {
    let call = calls::show_call(ctx.app, ctx.who.actor(), code).await?;
    services::may_export(ctx.app, ctx.who.actor(), code).await?;
    let offered = OFFERED.into_iter().map(|(kind, formats)| Offered { kind, formats }).collect();
    ctx.page_with(status, "exports", &ExportsPage { call, offered, errors })
}

#[get("/gestion/<code>/exports")]
async fn list(ctx: Ctx<'_>, code: &str) -> Html {
    exports_page(&ctx, Status::Ok, code, json!([])).await
}

/// A button names both, as `marks.csv`.
#[post("/gestion/<code>/exports", data = "<form>")]
async fn ask(ctx: Ctx<'_>, cookies: &CookieJar<'_>, code: &str, form: Fields) -> Html {
    let (kind, format) = form.get("export").split_once('.').unwrap_or_default();
    let wanted: Result<NewExport, _> = serde_json::from_value(json!({ "kind": kind, "format": format }));
    let wanted = wanted.map_err(|_| ami_services::Error::field("/export", "export-format"));
    let asked = match wanted {
        Ok(wanted) => services::ask_export(ctx.app, ctx.who.actor(), code, wanted).await,
        Err(error) => Err(error),
    };
    match asked {
        Ok(job) => ctx.go(cookies, format!("/gestion/exports/{}", job.id), None),
        Err(e) if is_of_form(&e) => exports_page(&ctx, Status::UnprocessableEntity, code, listed(&e)).await,
        Err(e) => Err(e.into()),
    }
}

#[get("/gestion/exports/<id>", rank = 1)]
async fn show(ctx: Ctx<'_>, id: Id) -> Html {
    let job = services::show_job(ctx.app, ctx.who.actor(), id.get::<JobId>()).await?;
    let call = calls::show_call(ctx.app, ctx.who.actor(), &job.call).await?;
    ctx.page("export", &ExportPage { call, job })
}
