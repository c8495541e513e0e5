//! Writes every sample page to a folder, with its style sheet and scripts beside it, to be looked at in a browser.

use std::error::Error;
use std::path::PathBuf;

use ami_views::Views;
use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "samples".into()));
    std::fs::create_dir_all(&folder)?;
    let views = Views::new()?;
    for asset in ami_views::assets() {
        std::fs::write(folder.join(&asset.path), asset.text)?;
    }
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/samples"))? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let Some((page, _)) = name.split_once('.').filter(|(page, _)| *page != "mail") else { continue };
        let context: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
        let html = views.page(&format!("pages/{page}.html"), &context)?;
        std::fs::write(folder.join(format!("{name}.html")), html.replace("&#x2f;static&#x2f;", ""))?;
    }
    Ok(())
}
