//! The S3 client.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::error::{DisplayErrorContext, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_http_client::tls;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;
use tokio::io::AsyncRead;
use uuid::Uuid;

use crate::spool::Spooled;

/// Where the storage is and how to be let in.
#[derive(Clone)]
pub struct StorageSettings {
    /// `http://…` or `https://…`.
    pub endpoint: String,
    /// Such as `garage` or `eu-west-3`.
    pub region: String,
    /// One bucket holds everything.
    pub bucket: String,
    /// Key id.
    pub access_key: String,
    /// Its secret.
    pub secret_key: String,
    /// `endpoint/bucket/key` rather than `bucket.endpoint/key`.
    pub path_style: bool,
}

impl fmt::Debug for StorageSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageSettings")
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .field("bucket", &self.bucket)
            .finish_non_exhaustive()
    }
}

/// Why the storage did not do it.
#[derive(Debug, Error)]
pub enum StorageError {
    /// The server refused or did not answer.
    #[error("storage, {action}: {message}")]
    Server {
        /// What was asked.
        action: &'static str,
        /// The whole chain of causes.
        message: String,
    },
    /// There is no such object.
    #[error("storage: no object {0}")]
    Missing(ObjectKey),
    /// The stored object is not the one that was sent.
    #[error("storage: {key} has {found} bytes instead of {expected}")]
    Size {
        /// Which.
        key: ObjectKey,
        /// Sent.
        expected: u64,
        /// Found.
        found: i64,
    },
    /// A local file could not be read or forced to disk.
    #[error("storage, local file: {0}")]
    Local(#[from] std::io::Error),
}

/// Where an object is. Opaque: names live in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// The place of a piece, spread over folders by the random end of its id.
    pub fn for_piece(id: Uuid) -> Self {
        let hex = id.simple().to_string();
        Self(format!("pieces/{}/{hex}", &hex[30..]))
    }

    /// A key as stored.
    pub fn stored(key: String) -> Self {
        Self(key)
    }

    /// For storing.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A bucket.
#[derive(Debug, Clone)]
pub struct Storage {
    client: Client,
    bucket: String,
    /// Where the embedded server keeps its objects, to force them to disk.
    local_root: Option<PathBuf>,
}

/// An object being read.
pub struct Object {
    /// Bytes.
    pub size: u64,
    /// Its contents.
    pub reader: Box<dyn AsyncRead + Send + Unpin>,
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object").field("size", &self.size).finish_non_exhaustive()
    }
}

fn server<E, R>(action: &'static str) -> impl Fn(SdkError<E, R>) -> StorageError
where
    SdkError<E, R>: std::error::Error,
{
    move |error| StorageError::Server { action, message: DisplayErrorContext(&error).to_string() }
}

impl Storage {
    /// A client for the settings. Nothing is sent yet.
    pub fn new(settings: &StorageSettings) -> Self {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
            .build_https();
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http)
            .endpoint_url(&settings.endpoint)
            .region(Region::new(settings.region.clone()))
            .credentials_provider(Credentials::new(&settings.access_key, &settings.secret_key, None, None, "ami"))
            .force_path_style(settings.path_style)
            .retry_config(RetryConfig::standard().with_max_attempts(3))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(5))
                    .read_timeout(Duration::from_mins(1))
                    .build(),
            )
            .build();
        Self { client: Client::from_conf(config), bucket: settings.bucket.clone(), local_root: None }
    }

    /// The same, on the embedded server's own machine: what it stores is forced to disk.
    #[must_use]
    pub fn with_local_root(self, root: &Path) -> Self {
        Self { local_root: Some(root.to_owned()), ..self }
    }

    /// Makes the bucket unless it is there.
    pub async fn ensure_bucket(&self) -> Result<(), StorageError> {
        if self.ready().await.is_ok() {
            return Ok(());
        }
        self.client.create_bucket().bucket(&self.bucket).send().await.map_err(server("create bucket"))?;
        Ok(())
    }

    /// Whether it answers and the bucket is there.
    pub async fn ready(&self) -> Result<(), StorageError> {
        self.client.head_bucket().bucket(&self.bucket).send().await.map_err(server("look at bucket"))?;
        Ok(())
    }

    /// Stores a received file. The server checks its SHA-256; its size is looked up again afterwards.
    pub async fn put(&self, key: &ObjectKey, file: &Spooled) -> Result<(), StorageError> {
        let body = ByteStream::from_path(file.path()).await.map_err(|e| StorageError::Server {
            action: "read spooled file",
            message: DisplayErrorContext(&e).to_string(),
        })?;
        self.client
            .put_object()
            .bucket(&self.bucket)
            .key(key.as_str())
            .checksum_sha256(STANDARD.encode(file.sha256()))
            .body(body)
            .send()
            .await
            .map_err(server("put"))?;
        let head =
            self.client.head_object().bucket(&self.bucket).key(key.as_str()).send().await.map_err(server("head"))?;
        let found = head.content_length().unwrap_or(-1);
        if i64::try_from(file.size()) != Ok(found) {
            return Err(StorageError::Size { key: key.clone(), expected: file.size(), found });
        }
        if let Some(root) = &self.local_root {
            let path = root.join(&self.bucket).join(key.as_str());
            tokio::fs::File::open(&path).await?.sync_all().await?;
            if let Some(folder) = path.parent() {
                tokio::fs::File::open(folder).await?.sync_all().await?;
            }
        }
        Ok(())
    }

    /// Opens an object for reading.
    ///
    /// # Errors
    /// [`StorageError::Missing`] when there is none under this key.
    pub async fn get(&self, key: &ObjectKey) -> Result<Object, StorageError> {
        let answer = self.client.get_object().bucket(&self.bucket).key(key.as_str()).send().await.map_err(|e| {
            if e.as_service_error().is_some_and(aws_sdk_s3::operation::get_object::GetObjectError::is_no_such_key) {
                StorageError::Missing(key.clone())
            } else {
                server("get")(e)
            }
        })?;
        let size = answer.content_length().and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        Ok(Object { size, reader: Box::new(answer.body.into_async_read()) })
    }
}
