//! The S3 server of single-machine mode, on the loopback interface, over a directory.
//!
//! What is guaranteed once a PUT, or the completion of a multipart upload, is acknowledged:
//! - the object survives the death of the process, whatever kills it: content is written beside and renamed into place;
//! - it survives a power cut, as far as the disk keeps its word on fsync: the object, what the server notes about it, and every
//!   directory above it are synchronised before the answer. s3s-fs alone does not do that.
//!
//! What was not acknowledged may leave temporary files, which the next start removes. There is no redundancy: the directory is to
//! be backed up like the database.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use s3s::auth::SimpleAuth;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput, CompleteMultipartUploadOutput,
    CreateBucketInput, CreateBucketOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput, DeleteObjectInput,
    DeleteObjectOutput, GetObjectInput, GetObjectOutput, HeadBucketInput, HeadBucketOutput, HeadObjectInput,
    HeadObjectOutput, ListPartsInput, ListPartsOutput, PutObjectInput, PutObjectOutput, UploadPartInput,
    UploadPartOutput,
};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3, S3Error, S3Request, S3Response, S3Result};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::settings::{Secret, StorageSettings};
use crate::spool::create_private_directory;

const REGION: &str = "us-east-1";
const LOCK: &str = ".lock";
/// How long an unfinished upload is kept to which nothing is added: longer than anybody waits for its next part.
const ABANDONED: Duration = Duration::from_hours(4);
/// How often such uploads are looked for.
const SWEPT: Duration = Duration::from_hours(1);
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// When no connection can be accepted (no file descriptor left), trying again at once would only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What the embedded server needs.
#[derive(Debug, Clone)]
pub struct EmbeddedSettings {
    /// Where objects are kept; created when absent. One server at a time.
    pub directory: PathBuf,
    /// Identifier of the only key.
    pub access_key: String,
    /// Its secret.
    pub secret_key: Secret,
    /// Port on 127.0.0.1; 0 takes any free one.
    pub port: u16,
}

/// Why the embedded server did not start.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// The directory cannot be created, read or written.
    #[error("the storage directory {} cannot be used", directory.display())]
    Directory {
        /// The directory.
        directory: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// Another process serves the directory.
    #[error("the storage directory {} is in use by another process", directory.display())]
    InUse {
        /// The directory.
        directory: PathBuf,
    },
    /// The port cannot be listened on.
    #[error("port {port} of 127.0.0.1 cannot be listened on")]
    Listen {
        /// The port asked for.
        port: u16,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
}

/// A running server. Dropping it stops accepting; [`Embedded::stop`] also waits for requests in progress.
#[derive(Debug)]
pub struct Embedded {
    endpoint: String,
    access_key: String,
    secret_key: Secret,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Embedded {
    /// Starts the server; it is listening when this returns.
    pub async fn start(settings: EmbeddedSettings) -> Result<Self, EmbeddedError> {
        let EmbeddedSettings { directory, access_key, secret_key, port } = settings;
        let prepared = prepare(&directory).and_then(|lock| {
            let files = FileSystem::new(&directory).map_err(|error| io::Error::other(format!("{error:?}")))?;
            Ok((lock, files, directory.canonicalize()?))
        });
        let (lock, files, root) = prepared.map_err(|source| match source.kind() {
            io::ErrorKind::WouldBlock => EmbeddedError::InUse { directory: directory.clone() },
            _ => EmbeddedError::Directory { directory: directory.clone(), source },
        })?;
        let listen_error = |source| EmbeddedError::Listen { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(listen_error)?;
        let endpoint = format!("http://{}", listener.local_addr().map_err(listen_error)?);

        let swept = root.clone();
        let mut service = S3ServiceBuilder::new(Durable { files, root });
        service.set_auth(SimpleAuth::from_single(access_key.as_str(), secret_key.expose()));
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(serve(listener, service.build(), stopped, (lock, swept)));
        Ok(Self { endpoint, access_key, secret_key, stop, task })
    }

    /// The server's URL: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// How to reach one of its buckets.
    pub fn storage_settings(&self, bucket: &str) -> StorageSettings {
        StorageSettings {
            endpoint: self.endpoint.clone(),
            region: REGION.to_owned(),
            bucket: bucket.to_owned(),
            access_key: self.access_key.clone(),
            secret_key: self.secret_key.clone(),
            path_style: true,
            browser_endpoint: None,
        }
    }

    /// Stops accepting, waits for requests in progress (ten seconds at most), and frees the directory.
    pub async fn stop(self) {
        // An error means that the task has ended already.
        let _ = self.stop.send(());
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the embedded storage ended badly");
        }
    }
}

async fn serve(
    listener: TcpListener,
    service: S3Service,
    mut stopped: oneshot::Receiver<()>,
    (lock, directory): (File, PathBuf),
) {
    let mut swept = tokio::time::interval_at(tokio::time::Instant::now() + SWEPT, SWEPT);
    let server = Builder::new(TokioExecutor::new()).http1_only();
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // Also when the sender was dropped with its Embedded.
            _ = &mut stopped => break,
            _ = swept.tick() => {
                let directory = directory.clone();
                if let Err(error) = blocking(move || remove_abandoned(&directory)).await {
                    tracing::warn!(%error, "unfinished uploads cannot be removed");
                }
                continue;
            }
        };
        match accepted {
            Ok((socket, _)) => {
                let connection = server.serve_connection(TokioIo::new(socket), service.clone());
                let connection = graceful.watch(connection.into_owned());
                tokio::spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(%error, "a connection to the embedded storage broke");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the embedded storage cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(STOP_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::warn!("the embedded storage stopped with requests in progress");
    }
    drop(lock);
}

/// Locks the directory: s3s-fs numbers its temporary files per process, so two would write into each other's.
fn prepare(directory: &Path) -> io::Result<File> {
    create_private_directory(directory)?;
    let lock = File::options().create(true).truncate(false).write(true).open(directory.join(LOCK))?;
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => io::ErrorKind::WouldBlock.into(),
        TryLockError::Error(error) => error,
    })?;
    remove_abandoned(directory)?;
    Ok(lock)
}

/// Of a file's name in the directory, the upload that it belongs to while that is unfinished: a part, the note of a multipart
/// upload, the attributes that it would give its object.
fn upload_of(name: &str) -> Option<&str> {
    let after = [".upload_id-", ".upload-"].into_iter().find_map(|start| name.strip_prefix(start));
    let after =
        after.or_else(|| name.starts_with(".bucket-").then(|| name.split_once(".upload-")).flatten().map(|(_, id)| id));
    after?.split('.').next()
}

/// Removes uploads in parts to which nothing was added for a while: whoever began them is gone. Others go on, after a restart too.
fn remove_abandoned(directory: &Path) -> io::Result<()> {
    let mut uploads: BTreeMap<String, (Duration, Vec<PathBuf>)> = BTreeMap::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(upload) = name.to_str().and_then(upload_of) else { continue };
        // One that is finished at this moment is no more.
        let Ok(changed) = entry.metadata().and_then(|metadata| metadata.modified()) else { continue };
        let age = changed.elapsed().unwrap_or_default();
        let (youngest, files) = uploads.entry(upload.to_owned()).or_insert((age, Vec::new()));
        *youngest = age.min(*youngest);
        files.push(entry.path());
    }
    for (_, files) in uploads.into_values().filter(|(youngest, _)| *youngest > ABANDONED) {
        for file in files {
            match std::fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// s3s-fs, plus the synchronisation that makes an acknowledged write survive a power cut. Operations that are not here are refused.
#[derive(Debug)]
struct Durable {
    files: FileSystem,
    root: PathBuf,
}

impl Durable {
    /// Everything that must be on the disk for `key` to be readable: content, notes, and the directories that name them.
    fn paths(&self, bucket: &str, key: &str) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let object = self.root.join(bucket).join(key);
        let directories = object
            .ancestors()
            .skip(1)
            .take_while(|directory| directory.starts_with(&self.root))
            .map(Path::to_owned)
            .collect();
        let mut files = self.notes(bucket, key).to_vec();
        files.push(object);
        (files, directories)
    }

    /// Where s3s-fs notes the attributes and the checksums of an object.
    fn notes(&self, bucket: &str, key: &str) -> [PathBuf; 2] {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let name = |kind: &str| format!(".bucket-{}.object-{}.{kind}.json", encode(bucket), encode(key));
        [self.root.join(name("metadata")), self.root.join(name("internal"))]
    }

    async fn synchronise(&self, bucket: &str, key: &str) -> S3Result<()> {
        let (files, directories) = self.paths(bucket, key);
        blocking(move || {
            for file in files {
                match File::open(&file) {
                    Ok(file) => file.sync_all()?,
                    // Not every object has both notes.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
            directories.iter().try_for_each(|directory| synchronise_directory(directory))
        })
        .await
    }
}

/// Only Unix has directories that can be opened, and needs them synchronised.
fn synchronise_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

async fn blocking(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> S3Result<()> {
    tokio::task::spawn_blocking(work).await.map_err(S3Error::internal_error)?.map_err(S3Error::internal_error)
}

#[async_trait]
impl S3 for Durable {
    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        let response = self.files.put_object(request).await?;
        self.synchronise(&bucket, &key).await?;
        Ok(response)
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        // s3s-fs has assembled the object when this returns; what it defers is only the answer's text.
        let response = self.files.complete_multipart_upload(request).await?;
        self.synchronise(&bucket, &key).await?;
        Ok(response)
    }

    async fn create_bucket(&self, request: S3Request<CreateBucketInput>) -> S3Result<S3Response<CreateBucketOutput>> {
        let response = self.files.create_bucket(request).await?;
        let root = self.root.clone();
        blocking(move || synchronise_directory(&root)).await?;
        Ok(response)
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        let response = self.files.delete_object(request).await?;
        // s3s-fs keeps its notes of deleted objects for ever.
        let notes = self.notes(&bucket, &key);
        let (_, directories) = self.paths(&bucket, &key);
        blocking(move || {
            for note in notes {
                match std::fs::remove_file(note) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            // What was erased must not come back with a power cut either.
            let mut existing = directories.iter().filter(|directory| directory.exists());
            existing.try_for_each(|directory| synchronise_directory(directory))
        })
        .await?;
        Ok(response)
    }

    async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        self.files.head_bucket(request).await
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        self.files.head_object(request).await
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        self.files.get_object(request).await
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.files.create_multipart_upload(request).await
    }

    async fn upload_part(&self, request: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        // Named as s3s-fs names it. A part that was acknowledged is there after a power cut.
        let name = format!(".upload_id-{}.part-{}", request.input.upload_id, request.input.part_number);
        let response = self.files.upload_part(request).await?;
        let root = self.root.clone();
        blocking(move || {
            File::open(root.join(name))?.sync_all()?;
            synchronise_directory(&root)
        })
        .await?;
        Ok(response)
    }

    async fn list_parts(&self, request: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
        self.files.list_parts(request).await
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.files.abort_multipart_upload(request).await
    }
}
