//! What is needed to reach a bucket.

use std::fmt;

/// A secret that is never printed: neither `Debug` nor an error shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Where the bucket is and how to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageSettings {
    /// Root URL of the service: `https://s3.example.fr`, `http://127.0.0.1:3900`.
    pub endpoint: String,
    /// Region that requests are signed for; `garage` by default on Garage.
    pub region: String,
    /// Name of the bucket.
    pub bucket: String,
    /// Identifier of the key.
    pub access_key: String,
    /// Secret of the key.
    pub secret_key: Secret,
    /// The bucket in the path rather than in the host name: true for Garage and for the embedded server.
    pub path_style: bool,
    /// Root URL at which browsers reach the service, to send parts of files to it themselves; they send them to us otherwise.
    pub browser_endpoint: Option<String>,
}

/// What is wrong with [`StorageSettings`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The endpoint is not the root URL of a service.
    #[error("the storage endpoint must be http://HOST[:PORT] or https://HOST[:PORT], without a path")]
    Endpoint,
    /// The region is empty or has characters that no region has.
    #[error("the storage region must be a short word such as eu-west-3 or garage")]
    Region,
    /// The bucket's name breaks the rules of S3.
    #[error(
        "the bucket's name must be 3 to 63 lower-case letters, digits, dots and hyphens, and start and end with a letter or digit"
    )]
    Bucket,
    /// The access key is empty.
    #[error("the storage access key is missing")]
    AccessKey,
    /// The secret key is empty.
    #[error("the storage secret key is missing")]
    SecretKey,
}

impl StorageSettings {
    /// Verifies everything that can be verified without the network.
    pub fn check(&self) -> Result<(), SettingsError> {
        self.host().ok_or(SettingsError::Endpoint)?;
        if let Some(endpoint) = &self.browser_endpoint {
            host(endpoint).ok_or(SettingsError::Endpoint)?;
        }
        let word = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if self.region.is_empty() || !self.region.chars().all(word) {
            return Err(SettingsError::Region);
        }
        if !is_bucket_name(&self.bucket) {
            return Err(SettingsError::Bucket);
        }
        if self.access_key.trim().is_empty() {
            return Err(SettingsError::AccessKey);
        }
        if self.secret_key.expose().trim().is_empty() {
            return Err(SettingsError::SecretKey);
        }
        Ok(())
    }

    /// Whether files would cross a network unencrypted: worth a warning to the operator, fine on a private one.
    pub fn sends_in_clear(&self) -> bool {
        let loopback =
            self.host().is_some_and(|host| host == "localhost" || host == "[::1]" || host.starts_with("127."));
        !self.is_https() && !loopback
    }

    /// The origin to which browsers send parts: the bucket is in its host name, or in the path.
    pub(crate) fn browser_origin(&self) -> Option<String> {
        let endpoint = self.browser_endpoint.as_deref()?.trim_end_matches('/');
        let (scheme, host) = endpoint.split_once("://")?;
        Some(if self.path_style { endpoint.to_owned() } else { format!("{scheme}://{}.{host}", self.bucket) })
    }

    pub(crate) fn is_https(&self) -> bool {
        self.endpoint.starts_with("https://")
    }

    /// The endpoint's host, when the endpoint is well formed.
    fn host(&self) -> Option<&str> {
        host(&self.endpoint)
    }
}

/// The host of a service's root URL.
fn host(endpoint: &str) -> Option<&str> {
    let rest = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"))?;
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match authority.rsplit_once(':') {
        // The last colon of a bare "[::1]" is inside the brackets.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let literal = |inner: &str| !inner.is_empty() && inner.chars().all(|c| c.is_ascii_hexdigit() || c == ':');
    let valid_host = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(inner) => literal(inner),
        None => !host.is_empty() && host.chars().all(named),
    };
    let valid_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port != 0));
    (valid_host && valid_port).then_some(host)
}

fn is_bucket_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name.chars().all(inner)
        && name.starts_with(edge)
        && name.ends_with(edge)
        && !name.contains("..")
        // S3 refuses names that look like an address.
        && name.parse::<std::net::Ipv4Addr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(endpoint: &str) -> StorageSettings {
        StorageSettings {
            endpoint: endpoint.to_owned(),
            region: "garage".to_owned(),
            bucket: "ami-pieces".to_owned(),
            access_key: "GK0123".to_owned(),
            secret_key: Secret::new("hush"),
            path_style: true,
            browser_endpoint: None,
        }
    }

    #[test]
    fn browsers_are_told_one_origin() {
        let mut of = settings("http://127.0.0.1:3900");
        assert_eq!(of.browser_origin(), None);
        of.browser_endpoint = Some("https://s3.exemple.fr/".to_owned());
        assert_eq!(of.browser_origin().as_deref(), Some("https://s3.exemple.fr"));
        of.path_style = false;
        assert_eq!(of.browser_origin().as_deref(), Some("https://ami-pieces.s3.exemple.fr"));
        of.browser_endpoint = Some("https://s3.exemple.fr; script-src *".to_owned());
        assert_eq!(of.check(), Err(SettingsError::Endpoint));
    }

    #[test]
    fn debug_hides_the_secret() {
        let printed = format!("{:?}", settings("https://s3.example.fr"));
        assert!(!printed.contains("hush"), "{printed}");
        assert!(printed.contains("GK0123"), "{printed}");
    }

    #[test]
    fn endpoints() {
        for good in [
            "https://s3.example.fr",
            "https://s3.example.fr/",
            "http://127.0.0.1:3900",
            "http://[::1]:3900",
            "http://[::1]",
            "http://garage:3900",
        ] {
            assert_eq!(settings(good).check(), Ok(()), "{good}");
        }
        for bad in [
            "",
            "s3.example.fr",
            "ftp://s3.example.fr",
            "https://",
            "https://s3.example.fr/bucket",
            "https://user:pass@s3.example.fr",
            "http://127.0.0.1:0",
            "http://127.0.0.1:99999",
            "https://s3.example.fr?x",
        ] {
            assert_eq!(settings(bad).check(), Err(SettingsError::Endpoint), "{bad}");
        }
    }

    #[test]
    fn clear_text_is_noticed_outside_the_machine() {
        assert!(settings("http://garage:3900").sends_in_clear());
        assert!(!settings("http://127.0.0.1:3900").sends_in_clear());
        assert!(!settings("http://[::1]:3900").sends_in_clear());
        assert!(!settings("https://s3.example.fr").sends_in_clear());
    }

    #[test]
    fn other_fields() {
        let good = settings("https://s3.example.fr");
        let with = |change: fn(&mut StorageSettings)| {
            let mut changed = good.clone();
            change(&mut changed);
            changed.check()
        };
        assert_eq!(with(|s| s.region.clear()), Err(SettingsError::Region));
        assert_eq!(with(|s| s.bucket = "Ami".into()), Err(SettingsError::Bucket));
        assert_eq!(with(|s| s.bucket = "10.0.0.1".into()), Err(SettingsError::Bucket));
        assert_eq!(with(|s| s.bucket = "a..b".into()), Err(SettingsError::Bucket));
        assert_eq!(with(|s| s.access_key = " ".into()), Err(SettingsError::AccessKey));
        assert_eq!(with(|s| s.secret_key = Secret::new("")), Err(SettingsError::SecretKey));
    }
}
