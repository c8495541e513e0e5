//! One bucket, through the AWS SDK: put, verify, get, delete.
//!
//! Only what Garage, AWS and the embedded server all have is used: no conditional writes, no versions. Keys come from fresh
//! identifiers and are never written twice.

mod error;
mod parts;
mod upload;

use std::fmt;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{BehaviorVersion, Config, Credentials, Region, RequestChecksumCalculation, SharedHttpClient};
use aws_sdk_s3::operation::create_bucket::CreateBucketError;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use aws_smithy_http_client::Builder as HttpClientBuilder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::Semaphore;

use crate::key::ObjectKey;
use crate::settings::StorageSettings;

pub use error::StorageError;
pub use parts::ReceivedPart;

/// Parts are held in memory while they are signed and sent; this bounds how many are at once, in all uploads together.
const PARTS_IN_MEMORY: usize = 8;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// One attempt at one request; the largest sends a part, at 140 kB/s or more.
const ATTEMPT_TIMEOUT: Duration = Duration::from_mins(1);
const OPERATION_TIMEOUT: Duration = Duration::from_mins(3);
const READY_TIMEOUT: Duration = Duration::from_secs(3);
const ATTEMPTS: u32 = 3;

/// A bucket. Cloning it is cheap and shares its connections.
#[derive(Clone)]
pub struct Storage {
    client: Client,
    bucket: Arc<str>,
    region: Arc<str>,
    parts: Arc<Semaphore>,
    /// Signs addresses for browsers, where they reach the storage.
    from_browsers: Option<Client>,
    browser_origin: Option<Arc<str>>,
}

/// An object being read.
#[derive(Debug)]
pub struct Object {
    /// How many bytes `reader` yields.
    pub size: u64,
    /// Size of the whole object.
    pub total: u64,
    /// The content.
    pub reader: ObjectReader,
}

/// The content of an object. A connection lost before the end is an error, not an end.
pub struct ObjectReader(Pin<Box<dyn AsyncRead + Send>>);

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

impl Storage {
    /// Prepares the client. Nothing is sent before the first operation.
    ///
    /// Over HTTPS the machine's certificate authorities are trusted (`SSL_CERT_FILE` names others).
    pub fn connect(settings: &StorageSettings) -> Result<Self, StorageError> {
        settings.check()?;
        if settings.sends_in_clear() {
            tracing::warn!(endpoint = %settings.endpoint, "files travel unencrypted to the storage");
        }
        let credentials =
            Credentials::new(settings.access_key.as_str(), settings.secret_key.expose(), None, None, "settings");
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        let config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .endpoint_url(settings.endpoint.as_str())
            .region(Region::new(settings.region.clone()))
            .credentials_provider(credentials)
            .force_path_style(settings.path_style)
            .http_client(http_client(settings))
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            // We send a SHA-256 of our own with every body; the default would add a CRC as a trailer.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .build();
        let from_browsers = settings
            .browser_endpoint
            .as_ref()
            .map(|endpoint| Client::from_conf(config.to_builder().endpoint_url(endpoint.as_str()).build()));
        Ok(Self {
            client: Client::from_conf(config),
            from_browsers,
            browser_origin: settings.browser_origin().map(Into::into),
            bucket: settings.bucket.as_str().into(),
            region: settings.region.as_str().into(),
            parts: Arc::new(Semaphore::new(PARTS_IN_MEMORY)),
        })
    }

    /// Creates the bucket unless it exists.
    pub async fn ensure_bucket(&self) -> Result<(), StorageError> {
        match self.client.head_bucket().bucket(&*self.bucket).send().await {
            Ok(_) => return Ok(()),
            Err(error) => match StorageError::from(error) {
                StorageError::NotFound => {}
                other => return Err(other),
            },
        }
        // us-east-1 is the one region that AWS wants left out.
        let location = (&*self.region != "us-east-1").then(|| {
            CreateBucketConfiguration::builder()
                .location_constraint(BucketLocationConstraint::from(&*self.region))
                .build()
        });
        let created =
            self.client.create_bucket().bucket(&*self.bucket).set_create_bucket_configuration(location).send().await;
        match created {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                // Another process of ours was quicker.
                Some(CreateBucketError::BucketAlreadyOwnedByYou(_)) => Ok(()),
                // Or somebody else has it: then it does not answer us.
                Some(CreateBucketError::BucketAlreadyExists(_)) => self.ready().await,
                _ => Err(error.into()),
            },
        }
    }

    /// Whether the bucket answers, now: one attempt, three seconds.
    pub async fn ready(&self) -> Result<(), StorageError> {
        let timeouts = TimeoutConfig::builder().connect_timeout(READY_TIMEOUT).operation_timeout(READY_TIMEOUT).build();
        let quick = Config::builder().timeout_config(timeouts).retry_config(RetryConfig::disabled());
        self.client.head_bucket().bucket(&*self.bucket).customize().config_override(quick).send().await?;
        Ok(())
    }

    /// Reads a whole object.
    pub async fn get(&self, key: &ObjectKey) -> Result<Object, StorageError> {
        self.read(key, None).await
    }

    /// Reads some bytes of an object; a range that goes past its end stops there.
    pub async fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Object, StorageError> {
        let last = range.end.checked_sub(1).filter(|last| *last >= range.start);
        let last = last.ok_or(StorageError::OutOfRange)?;
        self.read(key, Some(format!("bytes={}-{last}", range.start))).await
    }

    async fn read(&self, key: &ObjectKey, range: Option<String>) -> Result<Object, StorageError> {
        let answer = self.client.get_object().bucket(&*self.bucket).key(key.as_str()).set_range(range).send().await?;
        let size = answer.content_length.and_then(|size| u64::try_from(size).ok());
        let size = size.ok_or_else(|| StorageError::Rejected { status: 200, code: "no length".to_owned() })?;
        // "bytes 0-99/1234" on a partial answer.
        let total = answer
            .content_range
            .as_deref()
            .and_then(|range| range.rsplit_once('/'))
            .and_then(|(_, total)| total.parse().ok())
            .unwrap_or(size);
        Ok(Object { size, total, reader: ObjectReader(Box::pin(answer.body.into_async_read())) })
    }

    /// Size of an object, or `None` when it does not exist.
    pub async fn size(&self, key: &ObjectKey) -> Result<Option<u64>, StorageError> {
        let answer = self.client.head_object().bucket(&*self.bucket).key(key.as_str()).send().await;
        match answer {
            Ok(head) => Ok(head.content_length.and_then(|size| u64::try_from(size).ok())),
            Err(error) => match StorageError::from(error) {
                StorageError::NotFound => Ok(None),
                other => Err(other),
            },
        }
    }

    /// Deletes an object. An object that does not exist is deleted already.
    pub async fn delete(&self, key: &ObjectKey) -> Result<(), StorageError> {
        let answer = self.client.delete_object().bucket(&*self.bucket).key(key.as_str()).send().await;
        match answer.map_err(StorageError::from) {
            Ok(_) | Err(StorageError::NotFound) => Ok(()),
            Err(other) => Err(other),
        }
    }
}

fn http_client(settings: &StorageSettings) -> SharedHttpClient {
    let builder = HttpClientBuilder::new();
    if settings.is_https() {
        builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
    } else {
        // Without TLS a machine that has no certificate authorities works too.
        builder.build_http()
    }
}

impl AsyncRead for ObjectReader {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_read(cx, buf)
    }
}

impl fmt::Debug for ObjectReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ObjectReader")
    }
}
