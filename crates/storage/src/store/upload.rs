//! Putting objects: in one request, or in parts; hashed on the way, measured on arrival.

use std::io::{self, Read};
use std::path::Path;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{Storage, StorageError};
use crate::key::ObjectKey;
use crate::spool::Spooled;

/// Files up to this size are one request; larger ones are sent in parts of this size.
const PART: u64 = 8 * 1024 * 1024;
/// S3 allows no more parts than this.
const MAX_PARTS: u64 = 10_000;

impl Storage {
    /// Stores a received upload, and verifies on the way that it still is what was received.
    pub async fn put_spooled(&self, key: &ObjectKey, file: &Spooled, content_type: &str) -> Result<(), StorageError> {
        let expected = Some(*file.sha256());
        let size = self.put_verified(key, file.path(), content_type, expected).await?;
        if size == file.size() { Ok(()) } else { Err(StorageError::Changed) }
    }

    /// Stores a local file and says its size.
    pub async fn put_file(&self, key: &ObjectKey, path: &Path, content_type: &str) -> Result<u64, StorageError> {
        self.put_verified(key, path, content_type, None).await
    }

    /// Stores a document that is in memory.
    pub async fn put_bytes(&self, key: &ObjectKey, bytes: Bytes, content_type: &str) -> Result<(), StorageError> {
        let size = bytes.len() as u64;
        let sha256 = Sha256::digest(&bytes).into();
        self.put_whole(key, bytes, sha256, content_type).await?;
        self.verify_size(key, size).await
    }

    async fn put_verified(
        &self,
        key: &ObjectKey,
        path: &Path,
        content_type: &str,
        expected: Option<[u8; 32]>,
    ) -> Result<u64, StorageError> {
        let file = tokio::fs::File::open(path).await?.into_std().await;
        let size = file.metadata()?.len();
        let mut source = Source { file, whole: Sha256::new() };
        if size <= PART {
            let _held = self.parts.acquire().await;
            let part = source.read(size).await?;
            source.verify(expected)?;
            self.put_whole(key, part.bytes, part.sha256, content_type).await?;
        } else {
            self.put_parts(key, source, size, content_type, expected).await?;
        }
        self.verify_size(key, size).await?;
        Ok(size)
    }

    async fn put_whole(
        &self,
        key: &ObjectKey,
        bytes: Bytes,
        sha256: [u8; 32],
        content_type: &str,
    ) -> Result<(), StorageError> {
        self.client
            .put_object()
            .bucket(&*self.bucket)
            .key(key.as_str())
            .content_type(content_type)
            .checksum_sha256(BASE64.encode(sha256))
            .body(ByteStream::from(bytes))
            .send()
            .await?;
        Ok(())
    }

    async fn put_parts(
        &self,
        key: &ObjectKey,
        mut source: Source,
        size: u64,
        content_type: &str,
        expected: Option<[u8; 32]>,
    ) -> Result<(), StorageError> {
        let created = self
            .client
            .create_multipart_upload()
            .bucket(&*self.bucket)
            .key(key.as_str())
            .content_type(content_type)
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .send()
            .await?;
        let Some(id) = created.upload_id else {
            return Err(StorageError::Rejected { status: 200, code: "no upload identifier".to_owned() });
        };
        let upload = Multipart { storage: self.clone(), key: key.clone(), id, finished: false };
        match upload.send_parts(&mut source, size, expected).await {
            Ok(parts) => upload.complete(parts).await,
            Err(error) => {
                upload.abort().await;
                Err(error)
            }
        }
    }

    /// A put counts only once the storage itself says what it holds.
    async fn verify_size(&self, key: &ObjectKey, expected: u64) -> Result<(), StorageError> {
        let found = self.size(key).await?.ok_or(StorageError::NotFound)?;
        if found == expected {
            return Ok(());
        }
        self.delete(key).await?;
        Err(StorageError::SizeMismatch { expected, found })
    }
}

/// A local file being read part by part, and the hash of what was read so far.
struct Source {
    file: std::fs::File,
    whole: Sha256,
}

struct Part {
    bytes: Bytes,
    sha256: [u8; 32],
}

impl Source {
    async fn read(&mut self, length: u64) -> Result<Part, StorageError> {
        let mut file = self.file.try_clone()?;
        let mut whole = self.whole.clone();
        let read = move || -> io::Result<_> {
            let mut bytes = Vec::with_capacity(usize::try_from(length).map_err(io::Error::other)?);
            // Clones of a file share its position.
            (&mut file).take(length).read_to_end(&mut bytes)?;
            whole.update(&bytes);
            let sha256 = Sha256::digest(&bytes).into();
            Ok((whole, bytes, sha256))
        };
        let (whole, bytes, sha256) = tokio::task::spawn_blocking(read).await.map_err(io::Error::other)??;
        if bytes.len() as u64 != length {
            return Err(StorageError::Changed);
        }
        self.whole = whole;
        Ok(Part { bytes: bytes.into(), sha256 })
    }

    fn verify(&self, expected: Option<[u8; 32]>) -> Result<(), StorageError> {
        let found: [u8; 32] = self.whole.clone().finalize().into();
        match expected {
            Some(expected) if expected != found => Err(StorageError::Changed),
            _ => Ok(()),
        }
    }
}

/// A multipart upload in progress. Dropped unfinished (the request that awaited it is gone), it is aborted in the background: its
/// parts would otherwise stay in the bucket, invisible and for ever.
struct Multipart {
    storage: Storage,
    key: ObjectKey,
    id: String,
    finished: bool,
}

impl Multipart {
    async fn send_parts(
        &self,
        source: &mut Source,
        size: u64,
        expected: Option<[u8; 32]>,
    ) -> Result<Vec<CompletedPart>, StorageError> {
        let part_size = PART.max(size.div_ceil(MAX_PARTS));
        let mut parts = Vec::new();
        let mut sent = 0;
        for number in 1.. {
            let length = part_size.min(size - sent);
            if length == 0 {
                break;
            }
            let _held = self.storage.parts.acquire().await;
            let part = source.read(length).await?;
            let checksum = BASE64.encode(part.sha256);
            let answer = self
                .storage
                .client
                .upload_part()
                .bucket(&*self.storage.bucket)
                .key(self.key.as_str())
                .upload_id(&self.id)
                .part_number(number)
                .checksum_sha256(&checksum)
                .body(ByteStream::from(part.bytes))
                .send()
                .await?;
            parts.push(
                CompletedPart::builder().part_number(number).set_e_tag(answer.e_tag).checksum_sha256(checksum).build(),
            );
            sent += length;
        }
        source.verify(expected)?;
        Ok(parts)
    }

    async fn complete(mut self, parts: Vec<CompletedPart>) -> Result<(), StorageError> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let answer = self
            .storage
            .client
            .complete_multipart_upload()
            .bucket(&*self.storage.bucket)
            .key(self.key.as_str())
            .upload_id(&self.id)
            .multipart_upload(parts)
            .send()
            .await;
        match answer {
            Ok(_) => {
                self.finished = true;
                Ok(())
            }
            Err(error) => {
                self.abort().await;
                Err(error.into())
            }
        }
    }

    async fn abort(mut self) {
        self.finished = true;
        abort(&self.storage, &self.key, &self.id).await;
    }
}

impl Drop for Multipart {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (storage, key, id) = (self.storage.clone(), self.key.clone(), std::mem::take(&mut self.id));
        runtime.spawn(async move { abort(&storage, &key, &id).await });
    }
}

async fn abort(storage: &Storage, key: &ObjectKey, id: &str) {
    let answer =
        storage.client.abort_multipart_upload().bucket(&*storage.bucket).key(key.as_str()).upload_id(id).send().await;
    if let Err(error) = answer {
        let error = StorageError::from(error);
        tracing::warn!(%key, %error, "an unfinished upload could not be aborted");
    }
}
