//! The style sheet and the small modules, under addresses that change with their contents.

use std::sync::LazyLock;

use ami_domain::deposit::sha256_hex;

/// A static file.
#[derive(Debug, Clone)]
pub struct Asset {
    /// Its address below `/static/`.
    pub path: String,
    /// Its media type.
    pub content_type: &'static str,
    /// Its contents.
    pub text: &'static str,
}

static ASSETS: LazyLock<Vec<(&'static str, Asset)>> = LazyLock::new(|| {
    let files = [
        ("ami.css", "text/css; charset=utf-8", include_str!("../../../templates/static/ami.css")),
        ("ami.js", "text/javascript; charset=utf-8", include_str!("../../../templates/static/ami.js")),
        ("api.js", "text/javascript; charset=utf-8", include_str!("../../../templates/static/api.js")),
        ("forms.js", "text/javascript; charset=utf-8", include_str!("../../../templates/static/forms.js")),
    ];
    files
        .into_iter()
        .map(|(name, content_type, text)| {
            let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
            let hash = &sha256_hex(text.as_bytes())[..12];
            (name, Asset { path: format!("{stem}.{hash}.{extension}"), content_type, text })
        })
        .collect()
});

/// All of them.
pub fn assets() -> impl Iterator<Item = &'static Asset> {
    ASSETS.iter().map(|(_, asset)| asset)
}

/// The file at an address below `/static/`.
pub fn asset(path: &str) -> Option<&'static Asset> {
    assets().find(|a| a.path == path)
}

pub(crate) fn url(name: &str) -> Result<String, minijinja::Error> {
    ASSETS
        .iter()
        .find(|(n, _)| *n == name)
        .map(|(_, a)| format!("/static/{}", a.path))
        .ok_or_else(|| minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, format!("no asset `{name}`")))
}
