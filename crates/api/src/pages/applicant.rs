//! Pages of applicants: organisation, dossier, form, pieces, deposit, receipt.

use std::sync::Arc;

use ami_domain::call::CallDefinition;
use ami_domain::ids::{DossierId, OrganisationId};
use ami_services::dossiers::DossierView;
use ami_services::members::{self as member_services, MemberInput};
use ami_services::organisations::{self, LEGAL_FORMS, OrganisationInput};
use ami_services::{Error, Kind, calls, deposits, discards, dossiers, letters, pieces, receipts};
use futures_util::TryStreamExt as _;
use multer::Multipart;
use rocket::data::Data;
use rocket::http::{ContentType, CookieJar, Status};
use rocket::{Route, get, post, routes};
use serde_json::{Value, json};
use tokio_util::io::{ReaderStream, StreamReader};

use super::forms::Fields;
use super::public::{arrived, keep_towards, towards};
use super::{Ctx, Html, is_of_form, listed};
use crate::guards::{Id, MOST_UPLOAD, drop_body};

pub(super) fn routes() -> Vec<Route> {
    routes![
        new_organisation,
        create_organisation,
        edit_organisation,
        update_organisation,
        members,
        invite_member,
        remove_member,
        apply,
        apply_now,
        show,
        pieces_page,
        upload,
        remove_piece,
        deposit,
        deposit_now,
        begin_change,
        drop_change,
        withdraw,
        discard,
        restore,
        receipt
    ]
}

fn organisation_page(
    ctx: &Ctx<'_>,
    status: Status,
    id: Option<&str>,
    input: &OrganisationInput,
    error: Option<&Error>,
) -> Html {
    let errors = error.map_or_else(|| json!([]), listed);
    // Whose SIRET is registered may ask its members.
    let registered = error.is_some_and(|e| e.code == "siret-registered");
    let forms: Vec<Value> = LEGAL_FORMS
        .iter()
        .map(|f| json!({ "value": f, "label": ami_views::message(&format!("form-{f}"), &[]) }))
        .collect();
    let body = json!({ "id": id, "input": input, "forms": forms, "registered": registered, "errors": errors });
    ctx.page_with(status, "organisation", &body)
}

fn organisation_input(form: &Fields) -> OrganisationInput {
    OrganisationInput {
        name: form.get("name").to_owned(),
        siret: form.get("siret").to_owned(),
        rna: Some(form.get("rna").to_owned()),
        legal_form: form.get("legal_form").to_owned(),
    }
}

#[get("/structures/nouvelle")]
fn new_organisation(ctx: Ctx<'_>) -> Html {
    ctx.who.signed()?;
    organisation_page(
        &ctx,
        Status::Ok,
        None,
        &OrganisationInput { rna: Some(String::new()), ..Default::default() },
        None,
    )
}

#[post("/structures/nouvelle", data = "<form>")]
async fn create_organisation(ctx: Ctx<'_>, cookies: &CookieJar<'_>, form: Fields) -> Html {
    let input = organisation_input(&form);
    match organisations::create_organisation(ctx.app, ctx.who.actor(), &input).await {
        Ok(_) => ctx.go(cookies, towards(cookies), Some("organisation")),
        Err(e) if is_of_form(&e) => organisation_page(&ctx, Status::UnprocessableEntity, None, &input, Some(&e)),
        Err(e) => Err(e.into()),
    }
}

#[get("/structures/<id>", rank = 2)]
async fn edit_organisation(ctx: Ctx<'_>, id: Id) -> Html {
    let o = organisations::show_organisation(ctx.app, ctx.who.actor(), id.get()).await?;
    let input = OrganisationInput {
        name: o.name,
        siret: o.siret,
        rna: Some(o.rna.unwrap_or_default()),
        legal_form: o.legal_form,
    };
    organisation_page(&ctx, Status::Ok, Some(&o.id.to_string()), &input, None)
}

#[post("/structures/<id>", data = "<form>", rank = 2)]
async fn update_organisation(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id, form: Fields) -> Html {
    let input = organisation_input(&form);
    let name = id.get::<OrganisationId>().to_string();
    match organisations::update_organisation(ctx.app, ctx.who.actor(), id.get(), &input).await {
        Ok(_) => ctx.go(cookies, "/espace".into(), Some("saved")),
        Err(e) if is_of_form(&e) => organisation_page(&ctx, Status::UnprocessableEntity, Some(&name), &input, Some(&e)),
        Err(e) => Err(e.into()),
    }
}

async fn members_page(ctx: &Ctx<'_>, status: Status, id: OrganisationId, typed: &MemberInput, errors: &Value) -> Html {
    let members = member_services::list_members(ctx.app, ctx.who.actor(), id).await?;
    let organisation = organisations::show_organisation(ctx.app, ctx.who.actor(), id).await?;
    let me = ctx.who.signed()?.account.id.uuid();
    let body = json!({ "organisation": organisation, "members": members, "me": me, "typed": typed, "errors": errors });
    ctx.page_with(status, "members", &body)
}

#[get("/structures/<id>/membres")]
async fn members(ctx: Ctx<'_>, id: Id) -> Html {
    members_page(&ctx, Status::Ok, id.get(), &MemberInput::default(), &json!([])).await
}

#[post("/structures/<id>/membres", data = "<form>")]
async fn invite_member(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id, form: Fields) -> Html {
    let id: OrganisationId = id.get();
    let input = MemberInput { name: form.get("name").to_owned(), email: form.get("email").to_owned() };
    match member_services::invite_member(ctx.app, ctx.who.actor(), id, &input).await {
        Ok(_) => ctx.go(cookies, format!("/structures/{id}/membres"), Some("invited")),
        Err(e) if is_of_form(&e) => members_page(&ctx, Status::UnprocessableEntity, id, &input, &listed(&e)).await,
        Err(e) => Err(e.into()),
    }
}

#[post("/structures/<id>/membres/retirer", data = "<form>")]
async fn remove_member(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id, form: Fields) -> Html {
    let id: OrganisationId = id.get();
    let member: uuid::Uuid = form.id("member");
    match member_services::remove_member(ctx.app, ctx.who.actor(), id, member).await {
        Ok(()) if member == ctx.who.signed()?.account.id.uuid() => ctx.go(cookies, "/espace".into(), Some("left")),
        Ok(()) => ctx.go(cookies, format!("/structures/{id}/membres"), Some("saved")),
        Err(e) if is_of_form(&e) => {
            members_page(&ctx, Status::Conflict, id, &MemberInput::default(), &listed(&e)).await
        }
        Err(e) => Err(e.into()),
    }
}

async fn apply_page(ctx: &Ctx<'_>, status: Status, code: &str, chosen: (&str, &str), errors: &Value) -> Html {
    let call = calls::show_call(ctx.app, ctx.who.actor(), code).await?;
    let me = ami_services::accounts::show_me(ctx.app, ctx.who.signed()?).await?;
    let body = json!({
        "call": call, "organisations": me.organisations, "organisation": chosen.0, "lot": chosen.1, "errors": errors,
    });
    ctx.page_with(status, "apply", &body)
}

#[get("/appels/<code>/candidater?<lot>")]
async fn apply(ctx: Ctx<'_>, cookies: &CookieJar<'_>, code: &str, lot: Option<&str>) -> Html {
    let me = match &ctx.who.0 {
        Some(signed) => Some(ami_services::accounts::show_me(ctx.app, signed).await?),
        None => None,
    };
    if me.is_some_and(|me| !me.organisations.is_empty()) {
        arrived(cookies);
    } else {
        // The lot is still chosen once they have an account and an organisation.
        let encoded = |text: &str| rocket::http::RawStr::new(text).percent_encode().to_string();
        let lot = lot.map(|lot| format!("?lot={}", encoded(lot))).unwrap_or_default();
        let to = format!("/appels/{}/candidater{lot}", encoded(code));
        keep_towards(cookies, to, ctx.app.settings.is_secure());
    }
    apply_page(&ctx, Status::Ok, code, ("", lot.unwrap_or_default()), &json!([])).await
}

#[post("/appels/<code>/candidater", data = "<form>")]
async fn apply_now(ctx: Ctx<'_>, code: &str, cookies: &CookieJar<'_>, form: Fields) -> Html {
    let outcome = match form.get("organisation").parse() {
        Ok(organisation) => {
            dossiers::create_dossier(ctx.app, ctx.who.actor(), code, organisation, form.get("lot")).await
        }
        Err(_) => Err(Error::field("/organisation", "field-choice")),
    };
    match outcome {
        Ok(made) => ctx.go(cookies, format!("/dossiers/{}", made.summary.id), Some("begun")),
        Err(e) if is_of_form(&e) => {
            let chosen = (form.get("organisation"), form.get("lot"));
            apply_page(&ctx, Status::UnprocessableEntity, code, chosen, &listed(&e)).await
        }
        Err(e) => Err(e.into()),
    }
}

pub(super) async fn load(ctx: &Ctx<'_>, id: DossierId) -> Result<(DossierView, Arc<CallDefinition>), Error> {
    let who = ctx.who.actor();
    let dossier = dossiers::show_dossier(ctx.app, who, id).await?;
    let call = calls::show_call_version(ctx.app, who, &dossier.summary.call, dossier.call_version).await?;
    Ok((dossier, call.definition))
}

fn draft_notice(dossier: &DossierView, call: &CallDefinition) -> String {
    let closes = ami_views::date_time(call.calendar.closes);
    call.text("draft_notice", &[("numero", &dossier.summary.number), ("cloture", &closes)]).unwrap_or_default()
}

pub(super) async fn dossier_page(ctx: &Ctx<'_>, status: Status, id: DossierId, errors: &Value) -> Html {
    let (dossier, call) = load(ctx, id).await?;
    let notice = draft_notice(&dossier, &call);
    let sent = letters::list_own(ctx.app, ctx.who.actor(), id).await?;
    let electronic = letters::accepts_electronic(ctx.app, ctx.who.actor(), id).await?;
    let body = json!({
        "dossier": dossier, "notice": notice, "errors": errors, "letters": sent, "electronic": electronic,
    });
    ctx.page_with(status, "dossier", &body)
}

#[get("/dossiers/<id>")]
async fn show(ctx: Ctx<'_>, id: Id) -> Html {
    dossier_page(&ctx, Status::Ok, id.get(), &json!([])).await
}

async fn pieces_body(ctx: &Ctx<'_>, status: Status, id: DossierId, errors: &Value) -> Html {
    let (dossier, call) = load(ctx, id).await?;
    let missing = |code: &str| dossier.missing.iter().any(|g| g.kind == "piece" && g.code == code);
    let slots: Vec<Value> = call
        .pieces
        .iter()
        .map(|s| {
            let files: Vec<_> = dossier.pieces.iter().filter(|p| p.slot == s.code).collect();
            json!({
                "code": s.code, "label": s.label, "formats": s.formats_label(), "max": s.max_bytes,
                "max_files": s.max_files, "missing": missing(&s.code), "indispensable": s.indispensable, "files": files,
            })
        })
        .collect();
    let editable = dossier.summary.editable();
    let body = json!({ "dossier": dossier, "slots": slots, "errors": errors, "editable": editable, "total": call.dossier_max_bytes });
    ctx.page_with(status, "pieces", &body)
}

#[get("/dossiers/<id>/pieces")]
async fn pieces_page(ctx: Ctx<'_>, id: Id) -> Html {
    pieces_body(&ctx, Status::Ok, id.get(), &json!([])).await
}

#[post("/dossiers/<id>/pieces/<slot>", data = "<data>")]
async fn upload(
    ctx: Ctx<'_>,
    cookies: &CookieJar<'_>,
    kind: Option<&ContentType>,
    id: Id,
    slot: &str,
    data: Data<'_>,
) -> Html {
    let dossier: DossierId = id.get();
    // Nothing is read from somebody who is not signed in, nor before it is known that the dossier is theirs to change.
    let mut refusal = ctx.who.signed().err();
    if refusal.is_none() {
        refusal = pieces::may_upload(ctx.app, ctx.who.actor(), dossier, slot).await.err();
    }
    if let Some(error) = refusal {
        drop_body(data).await;
        return Err(error.into());
    }
    match receive(&ctx, kind, dossier, slot, data).await {
        Ok(()) => ctx.go(cookies, format!("/dossiers/{dossier}/pieces"), Some("uploaded")),
        Err(e) if is_of_form(&e) => pieces_body(&ctx, Status::UnprocessableEntity, dossier, &listed(&e)).await,
        Err(e) => Err(e.into()),
    }
}

/// Takes the file of a form as it comes in.
async fn receive(
    ctx: &Ctx<'_>,
    kind: Option<&ContentType>,
    dossier: DossierId,
    slot: &str,
    data: Data<'_>,
) -> Result<(), Error> {
    let empty = || Error::new(Kind::Invalid, "file-empty");
    let broken = |_| Error::new(Kind::Invalid, "file-interrupted");
    let boundary = kind.filter(|k| k.is_form_data()).and_then(|k| k.param("boundary")).ok_or_else(empty)?;
    let mut form = Multipart::new(ReaderStream::new(data.open(MOST_UPLOAD)), boundary);
    let outcome = async {
        while let Some(field) = form.next_field().await.map_err(broken)? {
            if field.name() == Some("file") {
                let name = field.file_name().unwrap_or_default().to_owned();
                let reader = StreamReader::new(field.map_err(std::io::Error::other));
                return pieces::upload_piece(ctx.app, ctx.who.actor(), dossier, slot, &name, reader).await.map(drop);
            }
        }
        Err(empty())
    }
    .await;
    // A browser that is still sending would see a broken connection in place of the answer.
    while let Ok(Some(mut field)) = form.next_field().await {
        while let Ok(Some(_)) = field.chunk().await {}
    }
    outcome
}

#[post("/dossiers/<id>/pieces/<piece>/retirer")]
async fn remove_piece(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id, piece: Id) -> Html {
    let dossier: DossierId = id.get();
    pieces::remove_piece(ctx.app, ctx.who.actor(), dossier, piece.get()).await?;
    ctx.go(cookies, format!("/dossiers/{dossier}/pieces"), Some("removed"))
}

#[get("/dossiers/<id>/depot")]
async fn deposit(ctx: Ctx<'_>, id: Id) -> Html {
    let (dossier, call) = load(&ctx, id.get()).await?;
    let notice = draft_notice(&dossier, &call);
    ctx.page("deposit", &json!({ "dossier": dossier, "service": call.service, "notice": notice }))
}

#[post("/dossiers/<id>/depot", data = "<form>")]
async fn deposit_now(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id, form: Fields) -> Html {
    let dossier: DossierId = id.get();
    let ticket = Some(form.get("ticket")).filter(|ticket| !ticket.is_empty());
    match deposits::deposit_dossier(ctx.app, ctx.who.actor(), dossier, ticket).await {
        Ok(_) => ctx.go(cookies, format!("/dossiers/{dossier}/recu"), Some("deposited")),
        Err(e) if is_of_form(&e) => dossier_page(&ctx, Status::UnprocessableEntity, dossier, &listed(&e)).await,
        Err(e) => Err(e.into()),
    }
}

#[post("/dossiers/<id>/modifier")]
async fn begin_change(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id) -> Html {
    let dossier: DossierId = id.get();
    match deposits::begin_change(ctx.app, ctx.who.actor(), dossier).await {
        Ok(()) => ctx.go(cookies, format!("/dossiers/{dossier}"), Some("change-begun")),
        Err(e) if is_of_form(&e) => dossier_page(&ctx, Status::Conflict, dossier, &listed(&e)).await,
        Err(e) => Err(e.into()),
    }
}

#[post("/dossiers/<id>/abandonner")]
async fn drop_change(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id) -> Html {
    let dossier: DossierId = id.get();
    match deposits::drop_change(ctx.app, ctx.who.actor(), dossier).await {
        Ok(()) => ctx.go(cookies, format!("/dossiers/{dossier}"), Some("change-dropped")),
        Err(e) if is_of_form(&e) => dossier_page(&ctx, Status::Conflict, dossier, &listed(&e)).await,
        Err(e) => Err(e.into()),
    }
}

#[post("/dossiers/<id>/retirer")]
async fn withdraw(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id) -> Html {
    let dossier: DossierId = id.get();
    match deposits::withdraw(ctx.app, ctx.who.actor(), dossier).await {
        Ok(()) => ctx.go(cookies, format!("/dossiers/{dossier}"), Some("withdrawn")),
        Err(e) if is_of_form(&e) => dossier_page(&ctx, Status::Conflict, dossier, &listed(&e)).await,
        Err(e) => Err(e.into()),
    }
}

#[post("/dossiers/<id>/jeter")]
async fn discard(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id) -> Html {
    let dossier: DossierId = id.get();
    match discards::discard_dossier(ctx.app, ctx.who.actor(), dossier).await {
        Ok(()) => ctx.go(cookies, "/espace".into(), Some("discarded")),
        Err(e) if is_of_form(&e) => dossier_page(&ctx, Status::Conflict, dossier, &listed(&e)).await,
        Err(e) => Err(e.into()),
    }
}

#[post("/dossiers/<id>/restaurer")]
async fn restore(ctx: Ctx<'_>, cookies: &CookieJar<'_>, id: Id) -> Html {
    let back = discards::restore_dossier(ctx.app, ctx.who.actor(), id.get()).await?;
    ctx.go(cookies, format!("/dossiers/{}", back.summary.id), Some("restored"))
}

#[get("/dossiers/<id>/recu?<version>")]
async fn receipt(ctx: Ctx<'_>, id: Id, version: Option<i64>) -> Html {
    let dossier: DossierId = id.get();
    let receipt = receipts::show_receipt(ctx.app, ctx.who.actor(), dossier, version).await?;
    ctx.page("receipt", &json!({ "receipt": receipt, "dossier": dossier }))
}
