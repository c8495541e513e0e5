//! Objects that come in parts, over several requests and restarts: the storage keeps the parts.
//!
//! No checksum is announced with the upload, so that a browser may send parts too; what we send ourselves is signed with its SHA-256,
//! and whoever finishes an upload reads the whole object.

use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};

use super::{Storage, StorageError};
use crate::key::ObjectKey;
use crate::spool::Spooled;

/// How long an address is good for to which a part may be sent.
const PRESIGNED: Duration = Duration::from_hours(2);

/// A part that the storage has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedPart {
    /// From 1.
    pub number: u32,
    /// Bytes.
    pub size: u64,
    etag: Option<String>,
}

impl Storage {
    /// Begins an object that comes in parts; gives what the storage calls it.
    pub async fn begin_parts(&self, key: &ObjectKey, content_type: &str) -> Result<String, StorageError> {
        let begin = self.client.create_multipart_upload().bucket(&*self.bucket).key(key.as_str());
        let created = begin.content_type(content_type).send().await?;
        created.upload_id.ok_or_else(|| StorageError::Rejected { status: 200, code: "no upload identifier".to_owned() })
    }

    /// Stores a received file as a part; one of the same number is replaced.
    pub async fn put_part(&self, key: &ObjectKey, id: &str, number: u32, part: &Spooled) -> Result<(), StorageError> {
        let _held = self.parts.acquire().await;
        let bytes = tokio::fs::read(part.path()).await?;
        if bytes.len() as u64 != part.size() {
            return Err(StorageError::Changed);
        }
        self.client
            .upload_part()
            .bucket(&*self.bucket)
            .key(key.as_str())
            .upload_id(id)
            .part_number(s3_number(number))
            .body(ByteStream::from(bytes))
            .send()
            .await?;
        Ok(())
    }

    /// The parts that the storage has, in order.
    pub async fn list_parts(&self, key: &ObjectKey, id: &str) -> Result<Vec<ReceivedPart>, StorageError> {
        let mut parts = Vec::new();
        let mut after = None;
        loop {
            let list = self.client.list_parts().bucket(&*self.bucket).key(key.as_str()).upload_id(id);
            let answer = list.set_part_number_marker(after).send().await?;
            parts.extend(answer.parts().iter().filter_map(|part| {
                Some(ReceivedPart {
                    number: part.part_number()?.try_into().ok()?,
                    size: part.size()?.try_into().ok()?,
                    etag: part.e_tag().map(str::to_owned),
                })
            }));
            after = answer.next_part_number_marker;
            if answer.is_truncated != Some(true) || after.is_none() {
                break;
            }
        }
        parts.sort_by_key(|part| part.number);
        Ok(parts)
    }

    /// Makes an object of its parts, which are given in order.
    pub async fn finish_parts(&self, key: &ObjectKey, id: &str, parts: &[ReceivedPart]) -> Result<(), StorageError> {
        let parts = parts.iter().map(|part| {
            CompletedPart::builder().part_number(s3_number(part.number)).set_e_tag(part.etag.clone()).build()
        });
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build();
        let finish = self.client.complete_multipart_upload().bucket(&*self.bucket).key(key.as_str()).upload_id(id);
        finish.multipart_upload(parts).send().await?;
        Ok(())
    }

    /// Lets the parts of an object go that was not finished. One that is finished, or gone, has none.
    pub async fn abort_parts(&self, key: &ObjectKey, id: &str) -> Result<(), StorageError> {
        let abort = self.client.abort_multipart_upload().bucket(&*self.bucket).key(key.as_str()).upload_id(id);
        match abort.send().await.map_err(StorageError::from) {
            // The embedded server says so of an upload that it does not know.
            Ok(_) | Err(StorageError::NotFound | StorageError::Denied { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// An address to which a browser sends a part itself; `None` where browsers do not reach the storage.
    pub async fn presign_part(&self, key: &ObjectKey, id: &str, number: u32) -> Result<Option<String>, StorageError> {
        let Some(client) = &self.from_browsers else { return Ok(None) };
        let presigning = PresigningConfig::expires_in(PRESIGNED)
            .map_err(|error| StorageError::Rejected { status: 0, code: error.to_string() })?;
        let put = client.upload_part().bucket(&*self.bucket).key(key.as_str()).upload_id(id);
        let presigned = put.part_number(s3_number(number)).presigned(presigning).await?;
        Ok(Some(presigned.uri().to_owned()))
    }

    /// The origin to which browsers send parts, for the policy of pages.
    pub fn browser_origin(&self) -> Option<&str> {
        self.browser_origin.as_deref()
    }
}

fn s3_number(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
