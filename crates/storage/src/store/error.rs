//! What can go wrong, told apart as far as it changes what to do next.

use std::io;

use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

use crate::settings::SettingsError;

/// Why the storage did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The settings cannot work.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The object, or the bucket, does not exist.
    #[error("not in the storage")]
    NotFound,
    /// The key, its secret or its rights were refused.
    #[error("the storage refused the access key: {code}")]
    Denied {
        /// The service's code.
        code: String,
    },
    /// The service cannot be reached or hung up.
    #[error("the storage cannot be reached: {reason}")]
    Unreachable {
        /// The chain of causes, for the log.
        reason: String,
    },
    /// The service did not answer in time.
    #[error("the storage did not answer in time")]
    TimedOut,
    /// The service answered with another error.
    #[error("the storage answered {status}: {code}")]
    Rejected {
        /// HTTP status.
        status: u16,
        /// The service's code and message.
        code: String,
    },
    /// What the storage holds has not the size of what was sent. It has been deleted again.
    #[error("the storage holds {found} bytes instead of {expected}")]
    SizeMismatch {
        /// What was sent.
        expected: u64,
        /// What was found.
        found: u64,
    },
    /// The local file is not the one that was received: its disk is failing, or someone touched it.
    #[error("the file changed between its reception and its storage")]
    Changed,
    /// The range starts after the object's end.
    #[error("the range is outside the object")]
    OutOfRange,
    /// The local file cannot be read.
    #[error("the file to store cannot be read")]
    File(#[from] io::Error),
}

impl StorageError {
    /// A stable code for logs, the API and the locales.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Settings(_) => "storage.settings",
            Self::NotFound => "storage.not_found",
            Self::Denied { .. } => "storage.denied",
            Self::Unreachable { .. } => "storage.unreachable",
            Self::TimedOut => "storage.timed_out",
            Self::Rejected { .. } => "storage.rejected",
            Self::SizeMismatch { .. } => "storage.size_mismatch",
            Self::Changed => "storage.changed",
            Self::OutOfRange => "storage.out_of_range",
            Self::File(_) => "storage.file",
        }
    }
}

impl<E> From<SdkError<E>> for StorageError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    fn from(error: SdkError<E>) -> Self {
        match &error {
            SdkError::ServiceError(answer) => {
                let status = answer.raw().status().as_u16();
                // The answer to a HEAD has no body, hence no code.
                let code = answer.err().code().unwrap_or("no code");
                match status {
                    404 => Self::NotFound,
                    401 | 403 => Self::Denied { code: code.to_owned() },
                    416 => Self::OutOfRange,
                    _ => Self::Rejected {
                        status,
                        code: match answer.err().message() {
                            Some(message) => format!("{code} ({message})"),
                            None => code.to_owned(),
                        },
                    },
                }
            }
            SdkError::TimeoutError(_) => Self::TimedOut,
            SdkError::DispatchFailure(failure) if failure.is_timeout() => Self::TimedOut,
            _ => Self::Unreachable { reason: DisplayErrorContext(&error).to_string() },
        }
    }
}
