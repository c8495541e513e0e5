//! Writes every sample page to a folder, with its style sheet and scripts beside it, to be looked at in a browser.

use std::error::Error;
use std::path::PathBuf;

use ami_views::Views;

#[path = "../tests/samples/mod.rs"]
mod samples;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "samples".into()));
    std::fs::create_dir_all(&folder)?;
    let views = Views::new()?;
    for asset in ami_views::assets() {
        std::fs::write(folder.join(&asset.path), asset.text)?;
    }
    for (page, situation, context) in samples::samples() {
        if page == "mail" {
            continue;
        }
        let html = views.page(&format!("pages/{page}.html"), &context)?;
        std::fs::write(folder.join(format!("{page}.{situation}.html")), html.replace("&#x2f;static&#x2f;", ""))?;
    }
    Ok(())
}
