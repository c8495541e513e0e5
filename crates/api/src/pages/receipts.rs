//! The page on which anyone verifies a receipt.

use ami_services::verification::{self, Verified};
use rocket::http::Status;
use rocket::{Route, get, routes};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Ctx, Html};

pub(super) fn routes() -> Vec<Route> {
    routes![form, verified]
}

#[derive(Serialize)]
struct VerifyPage<'a> {
    /// What was typed.
    number: &'a str,
    verified: Option<Verified>,
    errors: Value,
}

async fn page(ctx: &Ctx<'_>, number: &str) -> Html {
    match verification::verify_receipt(ctx.app, number).await {
        Ok(verified) => ctx.page("verify", &VerifyPage { number, verified: Some(verified), errors: json!([]) }),
        Err(error) if error.code == "receipt-unknown" => {
            let detail = crate::answer::sentence(error.code, &error.args);
            let errors = json!([{ "anchor": "numero", "label": "", "detail": detail }]);
            ctx.page_with(Status::NotFound, "verify", &VerifyPage { number, verified: None, errors })
        }
        Err(error) => Err(error.into()),
    }
}

#[get("/accuses?<numero>")]
async fn form(ctx: Ctx<'_>, numero: Option<&str>) -> Html {
    match numero {
        Some(number) => page(&ctx, number).await,
        None => ctx.page("verify", &VerifyPage { number: "", verified: None, errors: json!([]) }),
    }
}

/// Where the code that is printed on a receipt leads.
#[get("/accuses/<number>")]
async fn verified(ctx: Ctx<'_>, number: &str) -> Html {
    page(&ctx, number).await
}
